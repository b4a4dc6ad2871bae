using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;

namespace VmBus.Capture.Network;

/// <summary>A link's queue that writes down the frames, each with its virtio header, as what the guest or the link said.</summary>
internal sealed class RecordingLinkQueue(ILinkQueue queue, RecordingLinkQueue.Receiver receiver, uint channel, Recording recording) : ILinkQueue
{
    public LinkQueueCounters Counters => queue.Counters;

    public bool SendsPromptly => queue.SendsPromptly;

    public void Send(FrameBuffer frame)
    {
        var bytes = new byte[frame.Data.Bytes];
        frame.Data.CopyTo(bytes);
        recording.Add(Topic.Network, true, $"link {channel}", bytes);
        queue.Send(frame);
    }

    public void Resume() => queue.Resume();

    public void Stop() => queue.Stop();

    public void Dispose()
    {
        queue.Dispose();
        receiver.Dispose();
    }

    /// <summary>
    /// The adapter's side. Frames come into buffers of our own, and go from there to the adapter's one by one: it lends a buffer right before each
    /// frame, so that a replay knows which one a frame came into.
    /// </summary>
    internal sealed class Receiver : IFrameReceiver, IDisposable
    {
        private const int Frames = 64;
        private const int FrameBytes = 68 * 1024;

        private readonly IFrameReceiver _receiver;
        private readonly uint _channel;
        private readonly Recording _recording;
        private readonly Stack<FrameBuffer> _free = new();
        private readonly List<FrameBuffer> _all = [];
        private readonly List<BounceBuffer> _memory = [];

        public Receiver(IFrameReceiver receiver, uint channel, Recording recording)
        {
            _receiver = receiver;
            _channel = channel;
            _recording = recording;
            for (int i = 0; i < Frames; i++)
            {
                var frame = new FrameBuffer(i, 1);
                var memory = new BounceBuffer(FrameBytes);
                if (!frame.Data.TryAdd(memory, FrameBytes)) throw new InvalidOperationException("A frame takes one piece.");
                _memory.Add(memory);
                _all.Add(frame);
                _free.Push(frame);
            }
        }

        public FrameBuffer? Rent() => _free.TryPop(out FrameBuffer? frame) ? frame : null;

        public void Receive(FrameBuffer frame, int bytes)
        {
            var copy = new byte[VirtioNetHeader.Bytes + bytes];
            frame.Data.CopyTo(copy);
            _free.Push(frame);
            // As a TAP, whose queue is full: the frame is lost, and never was.
            if (_receiver.Rent() is not { } lent) return;
            if (lent.Data.Bytes < copy.Length)
            {
                _receiver.Return(lent);
                return;
            }

            _recording.Add(Topic.Network, false, $"link {_channel}", copy);
            lent.Data.CopyFrom(copy);
            _receiver.Receive(lent, bytes);
        }

        public void Return(FrameBuffer frame) => _free.Push(frame);

        public void Sent(FrameBuffer frame, bool taken) => _receiver.Sent(frame, taken);

        public void EndBatch() => _receiver.EndBatch();

        public void Stopped() => _receiver.Stopped();

        public void Dispose()
        {
            _all.ForEach(frame => frame.Dispose());
            _memory.ForEach(memory => memory.Dispose());
        }
    }
}
