using VmBus.Protocol.Ring;

namespace VmBus.Memory.Rings;

/// <summary>A packet copied out of a ring: header fields checked, bytes private.</summary>
public readonly ref struct RingPacket(PacketDescriptor descriptor, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
{
    /// <summary>The first 16 bytes.</summary>
    public PacketDescriptor Descriptor { get; } = descriptor;

    /// <summary>Type-specific header after the descriptor (page ranges of GPA-direct packets), may be empty.</summary>
    public ReadOnlySpan<byte> Header { get; } = header;

    /// <summary>The data, padded by the sender to a multiple of 8.</summary>
    public ReadOnlySpan<byte> Payload { get; } = payload;
}
