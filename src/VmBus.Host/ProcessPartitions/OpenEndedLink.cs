using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;

namespace VmBus.Host.ProcessPartitions;

/// <summary>A link that leads nowhere: it takes every frame, and none comes.</summary>
internal sealed class OpenEndedLink : ILink
{
    private const int Queues = 4;
    private const int FrameBytes = 1514;
    private const ulong TenGigabits = 10_000_000_000;

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

    /// <inheritdoc/>
    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver) => new Queue(lane, receiver);

    /// <inheritdoc/>
    public void SetReceiveOffloads(LinkOffloads offloads)
    {
    }

    /// <inheritdoc/>
    public void SetFilter(FrameFilter filter)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // Frames come back in the lane's next turn, never from within Send.
    private sealed class Queue(Lane lane, IFrameReceiver receiver) : ILinkQueue, ILaneHandler
    {
        private readonly Queue<FrameBuffer> _sent = new();
        private bool _stopping;

        public LinkQueueCounters Counters => default;

        public bool SendsPromptly => true;

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
