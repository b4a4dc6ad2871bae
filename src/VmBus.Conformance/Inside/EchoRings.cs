using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Running;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Inside;

/// <summary>This project's device that answers with what it was asked. Source: protocol-spec/echo.md.</summary>
internal sealed class EchoRings(RingChannel channel) : RingDevice(channel)
{
    private const int UsualBytes = 64;

    public override int LongestRequest => Math.Min(EchoInterface.MaximumPayloadBytes, Channel.DataBytes / 4);

    public override byte[] Request(ulong id, int bytes)
    {
        int length = Math.Clamp(bytes > 0 ? bytes : UsualBytes, PacketDescriptor.Alignment, LongestRequest);
        byte[] request = new byte[length / PacketDescriptor.Alignment * PacketDescriptor.Alignment];
        for (int i = 0; i < request.Length; i++) request[i] = (byte)((ulong)i + (id * 7));
        return request;
    }

    public override void MustAnswer(ReceivedPacket packet, byte[] request)
        => Bench.Must(packet.Payload.AsSpan().SequenceEqual(request), $"Request {packet.Descriptor.TransactionId:x} of {request.Length} bytes was answered with {packet.Payload.Length} others.");
}
