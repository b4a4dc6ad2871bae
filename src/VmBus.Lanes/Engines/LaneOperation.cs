using System.Runtime.InteropServices;

namespace VmBus.Lanes.Engines;

/// <summary>What an operation does.</summary>
internal enum LaneOperationKind
{
    Read,
    Write,
    Flush,
    Allocate,
    DiscardBlocks,
}

/// <summary>One file operation as an engine sees it.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="File">Held open by the lane until the end.</param>
/// <param name="Vectors">Read, write: address of the iovecs. Others: length in bytes.</param>
/// <param name="Count">Read, write: number of iovecs.</param>
/// <param name="Offset">Position in the file.</param>
/// <param name="Flags">Read, write: RWF flags. Allocate: mode.</param>
internal readonly record struct LaneOperation(LaneOperationKind Kind, SafeHandle File, nint Vectors, int Count, long Offset, int Flags)
{
    /// <summary>The length of an allocate or discard.</summary>
    internal long Bytes => Vectors;

    /// <summary>The descriptor. Valid while the lane holds <see cref="File"/>.</summary>
    internal int Descriptor => (int)File.DangerousGetHandle();
}
