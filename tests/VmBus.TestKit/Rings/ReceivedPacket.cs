using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.TestKit.Rings;

/// <summary>A packet as a test keeps it: all bytes its own.</summary>
public sealed record ReceivedPacket(PacketDescriptor Descriptor, byte[] Header, byte[] Payload)
{
    /// <summary>Copies a packet that is only valid until the next read.</summary>
    public static ReceivedPacket From(in RingPacket packet) => new(packet.Descriptor, packet.Header.ToArray(), packet.Payload.ToArray());
}
