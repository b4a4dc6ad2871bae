using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Capture;

/// <summary>A storage controller whose ring packets are written down, with the data that their buffers carry.</summary>
internal sealed class RecordingDevice(StorageProvider provider, ScsiTarget target, Recording recording) : IChannelDevice
{
    public ChannelOffer Offer => provider.Offer;

    public IChannelEndpoint? Open(OpenChannel channel)
    {
        ScsiTargetQueue commands = target.OpenQueue(channel.Lane);
        var recorder = new RecordingChannel(new StorageChannel(channel, target, commands), recording);
        if (provider.Open(recorder, channel.SubchannelIndex == 0) is { } endpoint) return new Endpoint(endpoint, recorder, recording);
        commands.Dispose();
        return null;
    }

    private sealed class Endpoint(StorageEndpoint endpoint, RecordingChannel recorder, Recording recording) : IChannelEndpoint
    {
        public PacketVerdict Receive(in RingPacket packet)
        {
            object entry = recorder.Received(packet);
            PacketVerdict verdict = endpoint.Receive(packet);
            if (verdict == PacketVerdict.Busy) recording.Forget(entry);
            return verdict;
        }

        public void EndBatch() => endpoint.EndBatch();

        public void Close() => endpoint.Close();
    }
}
