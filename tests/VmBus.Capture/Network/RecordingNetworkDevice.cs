using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Network.Links;
using VmBus.Providers.Network;

namespace VmBus.Capture.Network;

/// <summary>A network adapter whose ring packets are written down, with the RNDIS messages they name and the frames of its link.</summary>
internal sealed class RecordingNetworkDevice(NetworkProvider provider, ILink link, Recording recording) : IChannelDevice
{
    private readonly RecordedBuffers _buffers = new(recording);

    public ChannelOffer Offer => provider.Offer;

    public IChannelEndpoint? Open(OpenChannel channel)
    {
        var recorder = new RecordingNetworkChannel(new NetworkChannel(channel, link), _buffers, recording);
        // Opening may send already, when it completes the sub-channels.
        object entry = recording.Add(Topic.Network, true, $"open {recorder.Id} {recorder.Index}", []);
        if (provider.Open(recorder) is { } endpoint) return new Endpoint(endpoint, recorder, recording);
        recording.Forget(entry);
        return null;
    }

    private sealed class Endpoint(NetworkEndpoint endpoint, RecordingNetworkChannel recorder, Recording recording) : IChannelEndpoint
    {
        public PacketVerdict Receive(in RingPacket packet)
        {
            object[] entries = recorder.Received(packet);
            PacketVerdict verdict = endpoint.Receive(packet);
            if (verdict != PacketVerdict.Busy) return verdict;
            foreach (object entry in entries) recording.Forget(entry);
            return verdict;
        }

        public void EndBatch() => endpoint.EndBatch();

        public void Close()
        {
            recording.Add(Topic.Network, true, $"close {recorder.Id}", []);
            endpoint.Close();
        }
    }
}
