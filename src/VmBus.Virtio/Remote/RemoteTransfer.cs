using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>An operation of a <see cref="RemoteDiskQueue"/> on its way, one request of its ring after the other. Reused.</summary>
internal sealed class RemoteTransfer(RemoteDiskQueue owner)
{
    public RemoteDiskQueue Owner => owner;

    /// <summary>What the next request, or the one under way, asks for.</summary>
    public BlockRequestType Type { get; set; }

    public IoVectorList? Data { get; set; }

    /// <summary>Where the part still to be done begins.</summary>
    public long Offset { get; set; }

    /// <summary>Bytes still to be done.</summary>
    public long Left { get; set; }

    /// <summary>Bytes of the request under way.</summary>
    public long Step { get; set; }

    /// <summary>What the operation answers when all is done.</summary>
    public int Total { get; set; }

    /// <summary>A write of zeroes: the space may be freed.</summary>
    public bool MayUnmap { get; set; }

    /// <summary>A write of zeroes goes as data, to a back-end that has no request for it.</summary>
    public bool WritesZeroes { get; set; }

    /// <summary>A flush follows.</summary>
    public bool FlushAfter { get; set; }

    /// <summary>Where its data is copied through; -1 for not.</summary>
    public int Bounce { get; set; } = -1;

    /// <summary>Status of the request that has ended: 0 or negative errno.</summary>
    public int Result { get; set; }

    public IIoCompletion? Completion { get; set; }

    public int Tag { get; set; }
}
