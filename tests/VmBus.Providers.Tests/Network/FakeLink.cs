using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>A link without a kernel: the test takes what was sent, gives frames to receive, and decides when buffers come back.</summary>
internal sealed class FakeLink(LinkTraits? traits = null) : ILink
{
    public const LinkOffloads AllOffloads = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation;

    private bool _up = true;

    public string Name => "fake";

    public LinkTraits Traits { get; } = traits ?? new LinkTraits(4, AllOffloads, AllOffloads, 9014, 10_000_000_000);

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

    public LinkOffloads Offloads { get; private set; }

    public FrameFilter? Filter { get; private set; }

    public List<FakeLinkQueue> Queues { get; } = [];

    public event Action? Changed;

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver) => Open(receiver);

    public FakeLinkQueue? Open(IFrameReceiver receiver)
    {
        if (Queues.Count(queue => !queue.IsDisposed) >= Traits.MaximumQueues) return null;
        var queue = new FakeLinkQueue(receiver);
        Queues.Add(queue);
        return queue;
    }

    public void SetReceiveOffloads(LinkOffloads offloads) => Offloads = offloads;

    public void SetFilter(FrameFilter filter) => Filter = filter;

    public void Dispose()
    {
    }
}

/// <summary>A frame as the link saw it.</summary>
internal sealed record SentFrame(VirtioNetHeader Header, byte[] Bytes);

/// <summary>One queue of a <see cref="FakeLink"/>.</summary>
internal sealed class FakeLinkQueue(IFrameReceiver receiver) : ILinkQueue
{
    private readonly Queue<FrameBuffer> _held = new();
    private readonly byte[] _whole = new byte[128 * 1024];
    private bool _stopRequested;

    public List<SentFrame> Sent { get; } = [];

    /// <summary>Whether sent buffers stay with the link until <see cref="Release"/>.</summary>
    public bool Hold { get; set; }

    /// <summary>Whether sent frames are kept.</summary>
    public bool Record { get; set; } = true;

    public int Resumed { get; private set; }

    public bool IsDisposed { get; private set; }

    public LinkQueueCounters Counters => default;

    public bool SendsPromptly { get; set; } = true;

    public void Send(FrameBuffer frame)
    {
        Assert.False(_stopRequested, "Sent on a queue that was told to stop.");
        _held.Enqueue(frame);
        if (!Record) return;
        byte[] bytes = new byte[frame.Data.Bytes];
        frame.Data.CopyTo(bytes);
        Sent.Add(new SentFrame(frame.Header, bytes[VirtioNetHeader.Bytes..]));
    }

    /// <summary>Gives back what was sent, as a later turn of the lane does.</summary>
    public void Release(bool taken = true)
    {
        while (_held.TryDequeue(out FrameBuffer? frame)) receiver.Sent(frame, taken);
        if (_stopRequested) FinishStop();
    }

    /// <summary>A frame arrives. False when the adapter has no room for it.</summary>
    public bool Deliver(byte[] frame, VirtioNetHeader header = default, bool endBatch = true)
    {
        if (_stopRequested || receiver.Rent() is not { } buffer) return false;
        if (buffer.Data.Bytes - VirtioNetHeader.Bytes < frame.Length)
        {
            receiver.Return(buffer);
            return false;
        }

        frame.CopyTo(_whole, VirtioNetHeader.Bytes);
        header.Write(_whole);
        buffer.Data.CopyFrom(_whole.AsSpan(0, VirtioNetHeader.Bytes + frame.Length));
        receiver.Receive(buffer, frame.Length);
        if (endBatch) receiver.EndBatch();
        return true;
    }

    /// <summary>The turn ends that frames were delivered in.</summary>
    public void EndBatch() => receiver.EndBatch();

    public void Resume() => Resumed++;

    public void Stop()
    {
        Assert.False(_stopRequested, "Stopped twice.");
        _stopRequested = true;
        if (!Hold) Release(false);
    }

    public void Dispose()
    {
        Assert.False(IsDisposed, "Disposed twice.");
        Assert.True(_stopRequested && _held.Count == 0, "Disposed before it stopped.");
        IsDisposed = true;
    }

    private void FinishStop() => receiver.Stopped();
}
