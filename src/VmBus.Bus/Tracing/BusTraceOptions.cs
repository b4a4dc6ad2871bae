using VmBus.Protocol.Channel;

namespace VmBus.Bus.Tracing;

/// <summary>What a trace records, and what it may take.</summary>
public sealed record BusTraceOptions
{
    /// <summary>Smallest <see cref="BufferBytes"/>: some of the largest records fit.</summary>
    public const int LeastBufferBytes = 256 << 10;

    /// <summary>Largest <see cref="BufferBytes"/>.</summary>
    public const int MostBufferBytes = 64 << 20;

    /// <summary>Largest <see cref="SnapBytes"/>.</summary>
    public const int MostSnapBytes = 64 << 10;

    /// <summary>What the file calls the bus: the partition's name.</summary>
    public string Name { get; init; } = "vmbus";

    /// <summary>Whether ring packets, signals and control words are recorded beside channel messages.</summary>
    public bool Rings { get; init; }

    /// <summary>Of which channels, by id, interface type and offer flags; all when null. Called on any lane, for every record.</summary>
    public Func<uint, Guid, OfferFlags, bool>? Takes { get; init; }

    /// <summary>Ends the trace after so many records.</summary>
    public long MaximumRecords { get; init; } = long.MaxValue;

    /// <summary>Bytes that are kept of each packet, 16 to <see cref="MostSnapBytes"/>. Channel messages are always whole.</summary>
    public int SnapBytes { get; init; } = MostSnapBytes;

    /// <summary>Memory for what is not read yet; what does not fit is lost, and counted.</summary>
    public int BufferBytes { get; init; } = 8 << 20;
}
