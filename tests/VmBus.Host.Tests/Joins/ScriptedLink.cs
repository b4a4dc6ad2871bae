using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;

namespace VmBus.Host.Tests.Joins;

/// <summary>A link without a kernel that writes down, in order, what is done to it; its queues stop when the test lets them.</summary>
internal sealed class ScriptedLink(string name) : ILink
{
    private readonly List<string> _said = [];

    /// <summary>What was done, in order.</summary>
    public IReadOnlyList<string> Said
    {
        get
        {
            lock (_said) return [.. _said];
        }
    }

    /// <summary>The queue that was opened last.</summary>
    public ScriptedQueue? Queue { get; private set; }

    public string Name => name;

    public LinkTraits Traits { get; } = new(1, LinkOffloads.None, LinkOffloads.None, 1514, 1_000_000_000);

    public bool IsUp => true;

    public FrameCapture? Capture { get; set; }

    public event Action? Changed
    {
        add => Say("heard");
        remove => Say("unheard");
    }

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        Say("queue opened");
        return Queue = new ScriptedQueue(this, lane, receiver);
    }

    public void SetReceiveOffloads(LinkOffloads offloads)
    {
    }

    public void SetFilter(FrameFilter filter)
    {
    }

    public void Dispose() => Say("closed");

    internal void Say(string what)
    {
        lock (_said) _said.Add(what);
    }
}

/// <summary>The queue of a <see cref="ScriptedLink"/>.</summary>
internal sealed class ScriptedQueue(ScriptedLink link, Lane lane, IFrameReceiver receiver) : ILinkQueue
{
    private readonly ManualResetEventSlim _stopping = new();

    public LinkQueueCounters Counters { get; } = new(1, 2, 3, 4, 5, 6, 7, 8);

    public bool SendsPromptly => true;

    public void Send(FrameBuffer frame) => lane.Post(() => receiver.Sent(frame, taken: true));

    public void Resume()
    {
    }

    public void Stop()
    {
        link.Say("queue told to stop");
        _stopping.Set();
    }

    public void Dispose() => link.Say("queue ended");

    /// <summary>Waits until the queue was told to stop.</summary>
    public bool WaitUntilStopping(TimeSpan limit) => _stopping.Wait(limit);

    /// <summary>All frames are back.</summary>
    public void FinishStop() => lane.Post(receiver.Stopped);
}
