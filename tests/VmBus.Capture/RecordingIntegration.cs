using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;

namespace VmBus.Capture;

/// <summary>An integration service whose packets are written down under the service's name.</summary>
internal sealed class RecordingIntegration(IntegrationProvider provider, Recording recording) : IChannelDevice
{
    public ChannelOffer Offer => provider.Offer;

    public IChannelEndpoint? Open(OpenChannel channel)
        => new Endpoint(provider.Open(new Channel(new IntegrationChannel(channel), provider.Service.Name, recording)), provider.Service.Name, recording);

    private static byte[] Bytes(in PacketDescriptor descriptor, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[descriptor.TotalBytes];
        descriptor.Write(bytes);
        payload.CopyTo(bytes.AsSpan(descriptor.HeaderBytes));
        return bytes;
    }

    private sealed class Endpoint(IChannelEndpoint endpoint, string service, Recording recording) : IChannelEndpoint
    {
        public PacketVerdict Receive(in RingPacket packet)
        {
            recording.Add(Topic.Integration, true, service, Bytes(packet.Descriptor, packet.Payload));
            return endpoint.Receive(packet);
        }

        public void EndBatch() => endpoint.EndBatch();

        public void Close() => endpoint.Close();
    }

    private sealed class Channel(IIntegrationChannel channel, string service, Recording recording) : IIntegrationChannel
    {
        public uint Id => channel.Id;

        public bool TrySend(ReadOnlySpan<byte> payload, ulong transactionId)
        {
            int total = (PacketDescriptor.Size + payload.Length + PacketDescriptor.Alignment - 1) / PacketDescriptor.Alignment * PacketDescriptor.Alignment;
            object entry = recording.Add(
                Topic.Integration, false, service, Bytes(new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, total, 0, transactionId), payload));
            if (channel.TrySend(payload, transactionId)) return true;
            recording.Forget(entry);
            return false;
        }

        public void Post(Action work) => channel.Post(work);

        public void Closed() => channel.Closed();
    }
}
