using VmBus.Memory.Guest;
using VmBus.Protocol.Network;
using VmBus.Providers.Network;

namespace VmBus.Capture.Network;

/// <summary>The buffers that the guest has given one adapter, for all of its channels. Used on the one lane of a captured partition.</summary>
internal sealed class RecordedBuffers(Recording recording)
{
    /// <summary>Where frames are received into, last.</summary>
    public GuestRegion? Receive { get; private set; }

    /// <summary>Where frames are sent from, last.</summary>
    public GuestRegion? Send { get; private set; }

    /// <summary>Listens to the answer on a buffer that the host asks the bus for.</summary>
    public IBufferHolder Watch(uint channel, NvspMessageType request, uint gpadl, IBufferHolder holder) => new Watcher(this, channel, request, gpadl, holder);

    private sealed class Watcher(RecordedBuffers buffers, uint channel, NvspMessageType request, uint gpadl, IBufferHolder holder) : IBufferHolder
    {
        public void BufferTaken(INetworkBuffer? buffer)
        {
            buffers.Note(channel, request, gpadl, buffer);
            holder.BufferTaken(buffer);
        }

        public void BufferWanted() => holder.BufferWanted();
    }

    private void Note(uint channel, NvspMessageType request, uint gpadl, INetworkBuffer? buffer)
    {
        if (buffer is null) return;
        recording.Add(Topic.Network, true, $"buffer {channel} {gpadl} {buffer.Memory.Bytes}", []);
        if (request == NvspMessageType.SendReceiveBuffer) Receive = buffer.Memory;
        else Send = buffer.Memory;
    }
}
