using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;

namespace VmBus.Client.Tests.Hosts;

/// <summary>A link without a kernel that sends every frame back on the queue it came by.</summary>
internal sealed class EchoLink(int queues = 4) : ILink
{
    private const LinkOffloads All = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation;

    private bool _up = true;

    public string Name => "echo";

    public LinkTraits Traits { get; } = new(queues, All, All, 9014, 10_000_000_000);

    public bool IsUp
    {
        get => _up;
        set
        {
            _up = value;
            Changed?.Invoke();
        }
    }

    public FrameCapture? Capture { get; set; }

    /// <summary>Which frames the guest wants.</summary>
    public FrameFilter? Filter { get; private set; }

    /// <summary>Makes every frame longer by bytes of its own, as one that is not cut into segments yet.</summary>
    public int Grows { get; set; }

    public event Action? Changed;

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver) => new EchoQueue(this, lane, receiver);

    public void SetReceiveOffloads(LinkOffloads offloads)
    {
    }

    public void SetFilter(FrameFilter filter) => Filter = filter;

    public void Dispose()
    {
    }
}

internal sealed class EchoQueue(EchoLink link, Lane lane, IFrameReceiver receiver) : ILinkQueue, ILaneHandler
{
    private readonly Queue<FrameBuffer> _sent = new();
    private readonly byte[] _frame = new byte[80_000];
    private bool _stopping;
    private bool _stopped;
    private bool _starved;

    public LinkQueueCounters Counters => default;

    // A frame waits until there is room for its echo.
    public bool SendsPromptly => false;

    public void Send(FrameBuffer frame)
    {
        _sent.Enqueue(frame);
        lane.Schedule(this);
    }

    public void Resume()
    {
        _starved = false;
        lane.Schedule(this);
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
        while (!_starved && !_stopping && _sent.TryPeek(out FrameBuffer? frame)) Echo(frame);
        if (!_stopping)
        {
            receiver.EndBatch();
            return false;
        }

        while (_sent.TryDequeue(out FrameBuffer? frame)) receiver.Sent(frame, taken: false);
        if (!_stopped) receiver.Stopped();
        _stopped = true;
        return false;
    }

    private void Echo(FrameBuffer frame)
    {
        if (receiver.Rent() is not { } room)
        {
            _starved = true;
            return;
        }

        int bytes = (int)frame.Data.Bytes - VirtioNetHeader.Bytes;
        frame.CopyTo(_frame.AsSpan(0, bytes));
        _frame.AsSpan(bytes, link.Grows).Fill(0x5A);
        room.Header = default;
        room.CopyFrom(_frame.AsSpan(0, bytes + link.Grows));
        receiver.Sent(_sent.Dequeue(), taken: true);
        receiver.Receive(room, bytes + link.Grows);
    }
}
