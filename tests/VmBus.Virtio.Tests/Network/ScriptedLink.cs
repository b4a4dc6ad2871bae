using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Tests.Network;

/// <summary>A link whose other end is the test: it keeps what is sent, and receives what the test says. Its queue is used on the lane.</summary>
internal sealed class ScriptedLink(LinkOffloads offloads = LinkOffloads.None, int maximumQueues = 1) : ILink, ILinkQueue
{
    private IFrameReceiver? _receiver;

    public string Name => "scripted";

    public LinkTraits Traits { get; } = new(maximumQueues, offloads, offloads, 1514, 10_000_000_000);

    public bool IsUp { get; private set; } = true;

    public FrameCapture? Capture { get; set; }

    public event Action? Changed;

    public LinkQueueCounters Counters => default;

    public bool SendsPromptly => true;

    internal List<(VirtioNetHeader Header, byte[] Frame)> SentFrames { get; } = [];

    internal LinkOffloads ReceiveOffloads { get; private set; }

    internal FrameFilter? Filter { get; private set; }

    internal bool IsOpen => _receiver is not null;

    internal int Resumed { get; private set; }

    /// <summary>Frames that are sent are kept until the queue stops.</summary>
    internal bool HoldsFrames { get; set; }

    private List<FrameBuffer> Held { get; } = [];

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        _receiver = receiver;
        return this;
    }

    public void SetReceiveOffloads(LinkOffloads offloads) => ReceiveOffloads = offloads;

    public void SetFilter(FrameFilter filter) => Filter = filter;

    public void Send(FrameBuffer frame)
    {
        byte[] bytes = new byte[frame.Data.Bytes - VirtioNetHeader.Bytes];
        frame.CopyTo(bytes);
        SentFrames.Add((frame.Header, bytes));
        Held.Add(frame);
        if (!HoldsFrames) ReleaseHeld();
    }

    public void Resume() => Resumed++;

    public void Stop()
    {
        ReleaseHeld();
        IFrameReceiver receiver = _receiver!;
        _receiver = null;
        receiver.Stopped();
    }

    public void Dispose()
    {
    }

    internal void SetUp(bool up)
    {
        IsUp = up;
        Changed?.Invoke();
    }

    internal FrameBuffer? Rent() => _receiver!.Rent();

    internal void Return(FrameBuffer frame) => _receiver!.Return(frame);

    internal void Deliver(FrameBuffer frame, byte[] bytes)
    {
        frame.Header = default;
        frame.CopyFrom(bytes);
        _receiver!.Receive(frame, bytes.Length);
        _receiver.EndBatch();
    }

    /// <summary>Receives a frame.</summary>
    /// <returns>False when there was no buffer.</returns>
    internal bool Receive(byte[] bytes)
    {
        if (Rent() is not { } frame)
        {
            _receiver!.EndBatch();
            return false;
        }

        Deliver(frame, bytes);
        return true;
    }

    private void ReleaseHeld()
    {
        FrameBuffer[] frames = [.. Held];
        Held.Clear();
        foreach (FrameBuffer frame in frames) _receiver!.Sent(frame, taken: true);
    }
}
