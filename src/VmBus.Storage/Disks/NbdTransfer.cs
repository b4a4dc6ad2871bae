using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>What one operation of an <see cref="NbdDiskQueue"/> does.</summary>
internal enum NbdTransferKind
{
    Read,
    Write,
    Flush,
    Trim,
    Zero,

    /// <summary>Zeroes written as data, for servers that cannot zero.</summary>
    WriteZeroes,
}

/// <summary>An operation of an <see cref="NbdDiskQueue"/> on its way. Reused.</summary>
internal sealed class NbdTransfer
{
    internal NbdTransferKind Kind { get; set; }

    internal IoVectorList? Data { get; set; }

    /// <summary>Where the part still to be done begins.</summary>
    internal long Offset { get; set; }

    /// <summary>Bytes still to be done.</summary>
    internal long Left { get; set; }

    /// <summary>Bytes of the command under way.</summary>
    internal long Step { get; set; }

    internal int Total { get; set; }

    /// <summary>Durable, for writes; may free the space, for zeroes.</summary>
    internal bool Option { get; set; }

    internal BounceBuffer? Bounce { get; set; }

    /// <summary>Whether the command under way uses <see cref="Bounce"/>.</summary>
    internal bool Bounced { get; set; }

    internal IIoCompletion? Completion { get; set; }

    internal int Tag { get; set; }
}
