using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>A ring packet of a trace.</summary>
/// <param name="FromGuest">Who wrote it.</param>
/// <param name="Descriptor">Its descriptor.</param>
/// <param name="Payload">Its data, as far as the trace has it, padded to a multiple of 8.</param>
/// <param name="Nanoseconds">When.</param>
internal sealed record TracedPacket(bool FromGuest, PacketDescriptor Descriptor, ReadOnlyMemory<byte> Payload, ulong Nanoseconds)
{
    /// <summary>Reads a record; null when it is no packet, or a packet that makes no sense.</summary>
    public static TracedPacket? Read(TraceRecord record)
    {
        if (record.Header.Kind != TraceKind.Packet || !PacketDescriptor.TryRead(record.Body.Span, out PacketDescriptor descriptor)) return null;
        ReadOnlyMemory<byte> payload = descriptor.HeaderBytes <= record.Body.Length ? record.Body[descriptor.HeaderBytes..] : default;
        return new TracedPacket(record.Header.Direction == TraceDirection.FromGuest, descriptor, payload, record.Nanoseconds);
    }

    /// <summary>A word of the payload; 0 when it is not there.</summary>
    public uint Word(int offset) => Payload.Length >= offset + sizeof(uint) ? ReadUInt32LittleEndian(Payload.Span[offset..]) : 0;
}
