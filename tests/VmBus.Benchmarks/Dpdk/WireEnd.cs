using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;

namespace VmBus.Benchmarks.Dpdk;

/// <summary>A link without anything behind it: it drops whatever is sent, and gives frames as fast as there are buffers for them, or none.</summary>
/// <remarks>What testpmd does with <c>--forward-mode=rxonly</c> and <c>txonly</c>: the way between driver and link is all that costs. One queue, on its lane.</remarks>
internal sealed class WireEnd : ILink, ILinkQueue, ILaneHandler
{
    private const int FramesPerTurn = 128;
    private readonly byte[] _frame;
    private readonly List<FrameBuffer> _sent = [];
    private Lane? _lane;
    private IFrameReceiver? _receiver;
    private bool _gives;

    /// <summary>A link.</summary>
    /// <param name="frameBytes">Length of the frames that it gives; 0 when it gives none.</param>
    internal WireEnd(int frameBytes)
    {
        _frame = new byte[frameBytes];
        _gives = frameBytes > 0;
    }

    public string Name => "wire";

    public LinkTraits Traits { get; } = new(1, LinkOffloads.None, LinkOffloads.None, 1514, 10_000_000_000);

    public bool IsUp => true;

    public FrameCapture? Capture { get; set; }

    public event Action? Changed
    {
        add { }
        remove { }
    }

    public LinkQueueCounters Counters => default;

    public bool SendsPromptly => true;

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        (_lane, _receiver) = (lane, receiver);
        if (_gives) lane.Schedule(this);
        return this;
    }

    public void SetReceiveOffloads(LinkOffloads offloads)
    {
    }

    public void SetFilter(FrameFilter filter)
    {
    }

    public void Send(FrameBuffer frame)
    {
        _sent.Add(frame);
        if (_sent.Count == 1) _lane!.Schedule(this);
    }

    public void Resume() => _lane!.Schedule(this);

    public bool Run()
    {
        foreach (FrameBuffer frame in _sent) _receiver!.Sent(frame, taken: true);
        _sent.Clear();
        if (!_gives) return false;
        FrameBuffer? room = null;
        for (int i = 0; i < FramesPerTurn && (room = _receiver!.Rent()) is not null; i++)
        {
            room.Header = default;
            room.CopyFrom(_frame);
            _receiver.Receive(room, _frame.Length);
        }

        _receiver!.EndBatch();
        return room is not null;
    }

    public void Stop()
    {
        _gives = false;
        _ = Run();
        _receiver!.Stopped();
    }

    public void Dispose()
    {
    }
}
