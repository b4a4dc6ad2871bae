using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Block;

/// <summary>A block request on its way. Reused.</summary>
internal sealed class BlockRequest(int tag) : IDisposable
{
    // What requests commonly have: 16 pages of data.
    private const int CommonVectors = 16;

    public int Tag { get; } = tag;

    public DescriptorChain Chain { get; } = new();

    public IoVectorList Data { get; } = new(CommonVectors, DescriptorChain.MaximumPieces * 2);

    /// <summary>What it does to the disk.</summary>
    public BlockRequestType Type { get; set; }

    /// <summary>When it was taken, by <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public long Started { get; set; }

    /// <summary>Bytes that a read was to deliver.</summary>
    public int ReadBytes { get; set; }

    /// <summary>Ranges of a discard or of zeroes that are still to be done, and where the next one is.</summary>
    public int RangesLeft { get; set; }

    /// <summary>Offset of the next range in the readable part.</summary>
    public long NextRange { get; set; }

    /// <summary>What is on its way must be flushed before it counts as done.</summary>
    public bool FlushAfter { get; set; }

    /// <inheritdoc/>
    public void Dispose() => Data.Dispose();

    /// <summary>The status for a result of the disk.</summary>
    public static BlockStatus StatusOf(int result) => result switch
    {
        >= 0 => BlockStatus.Ok,
        -Errno.EOPNOTSUPP => BlockStatus.Unsupported,
        _ => BlockStatus.IoError,
    };
}
