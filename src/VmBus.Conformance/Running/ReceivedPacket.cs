using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Running;

/// <summary>A copy of a packet that the host wrote.</summary>
/// <param name="Descriptor">Its descriptor.</param>
/// <param name="Header">What is between the descriptor and the payload.</param>
/// <param name="Payload">Its data, padded to a multiple of 8.</param>
internal sealed record ReceivedPacket(PacketDescriptor Descriptor, byte[] Header, byte[] Payload);
