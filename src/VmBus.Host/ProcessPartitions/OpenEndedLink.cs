using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;

namespace VmBus.Host.ProcessPartitions;

/// <summary>A link that leads nowhere: it takes every frame, and none comes but those that this process puts in.</summary>
internal sealed class OpenEndedLink : ILink
{
    private const int Queues = 4;
    private const int LeastFrameBytes = 14;
    private const int FrameBytes = 1514;
    private const ulong TenGigabits = 10_000_000_000;

    private readonly Lock _gate = new();
    private readonly List<Queue> _queues = [];
    private FrameFilter? _filter;

    /// <inheritdoc/>
    public string Name => "open end";

    /// <inheritdoc/>
    public LinkTraits Traits { get; } = new(Queues, LinkOffloads.None, LinkOffloads.None, FrameBytes, TenGigabits);

    /// <inheritdoc/>
    public bool IsUp => true;

    /// <inheritdoc/>
    public FrameCapture? Capture { get; set; }

    /// <inheritdoc/>
    public event Action? Changed
    {
        add
        {
        }

        remove
        {
        }
    }

    /// <summary>Has a frame come, on the first queue that is open; the filter of that moment decides whether the guest gets it. Any thread.</summary>
    /// <returns>False when no queue is open, or the frame cannot be one.</returns>
    public bool Deliver(ReadOnlySpan<byte> frame)
    {
        if (frame.Length is < LeastFrameBytes or > FrameBytes) return false;
        byte[] copy = frame.ToArray();
        lock (_gate)
        {
            if (_queues.Count == 0) return false;
            Queue queue = _queues[0];
            queue.Post(() => queue.Deliver(copy));
            return true;
        }
    }

    /// <inheritdoc/>
    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        var queue = new Queue(this, lane, receiver);
        lock (_gate) _queues.Add(queue);
        return queue;
    }

    /// <inheritdoc/>
    public void SetReceiveOffloads(LinkOffloads offloads)
    {
    }

    /// <inheritdoc/>
    public void SetFilter(FrameFilter filter) => Volatile.Write(ref _filter, filter);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // Frames come back in the lane's next turn, never from within Send.
    private sealed class Queue(OpenEndedLink link, Lane lane, IFrameReceiver receiver) : ILinkQueue, ILaneHandler
    {
        private readonly Queue<FrameBuffer> _sent = new();
        private bool _stopping;
        private bool _ended;

        public LinkQueueCounters Counters => default;

        public bool SendsPromptly => true;

        public void Post(Action work) => lane.Post(work);

        public void Deliver(byte[] frame)
        {
            if (_ended || Volatile.Read(ref link._filter)?.Accepts(MacAddress.Read(frame)) != true) return;
            FrameBuffer? buffer = receiver.Rent();
            if (buffer is not null && buffer.Data.Bytes - VirtioNetHeader.Bytes < frame.Length)
            {
                receiver.Return(buffer);
            }
            else if (buffer is not null)
            {
                buffer.Header = default;
                _ = buffer.CopyFrom(frame);
                receiver.Receive(buffer, frame.Length);
            }

            receiver.EndBatch();
        }

        public void Send(FrameBuffer frame)
        {
            _sent.Enqueue(frame);
            lane.Schedule(this);
        }

        public void Resume()
        {
        }

        public void Stop()
        {
            // No frame is put in that the lane would have to look at after its end.
            lock (link._gate) link._queues.Remove(this);
            _ended = true;
            _stopping = true;
            lane.Schedule(this);
        }

        public void Dispose()
        {
        }

        public bool Run()
        {
            while (_sent.TryDequeue(out FrameBuffer? frame)) receiver.Sent(frame, taken: true);
            receiver.EndBatch();
            if (!_stopping) return false;
            _stopping = false;
            receiver.Stopped();
            return false;
        }
    }
}
