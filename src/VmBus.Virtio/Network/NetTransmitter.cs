using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Network;

/// <summary>The transmit queue of a pair: frames go from the driver's memory to the link without a copy. One lane.</summary>
/// <remarks>While there is no link queue frames are dropped. Allocates nothing once it has had as many frames at once as it gets.</remarks>
internal sealed class NetTransmitter : IQueueWorker
{
    private const int FramesPerTurn = 128;
    private const int MaximumFrames = 256;
    private const int EthernetBytes = 14;
    private const int LongestFrameBytes = 65535 + 14 + 4;

    private readonly NetPair _pair;
    private readonly QueueRunner _runner;
    private readonly NetFeatures _features;
    private readonly List<(FrameBuffer Frame, DescriptorChain Chain)> _frames = [];
    private readonly Stack<int> _free = new();
    private bool _isStopped;

    public NetTransmitter(NetPair pair, QueueRunner runner, NetFeatures features)
    {
        _pair = pair;
        _runner = runner;
        _features = features;
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < FramesPerTurn && !_isStopped; i++)
        {
            if (!TryFree(out int tag)) return QueueTurn.Waiting;
            QueueTake take = _runner.Queue.TryTake(_frames[tag].Chain);
            if (take != QueueTake.Taken)
            {
                _free.Push(tag);
                return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            }

            Send(tag);
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    public void Touch() => _runner.Touch();

    /// <summary>See <see cref="VmBus.Network.Links.IFrameReceiver.Sent"/>.</summary>
    public void Sent(FrameBuffer frame, bool taken)
    {
        if (taken) _pair.CountSent(_frames[frame.Tag].Chain.ReadableBytes - VirtioNetHeader.Bytes);
        else _pair.CountSendDropped();
        Finish(frame.Tag);
        _runner.Touch();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pair.TransmitterClosed();
        foreach ((FrameBuffer frame, _) in _frames) frame.Dispose();
        _frames.Clear();
    }

    private bool TryFree(out int tag)
    {
        if (_free.TryPop(out tag)) return true;
        tag = _frames.Count;
        if (tag == MaximumFrames) return false;
        _frames.Add((new FrameBuffer(tag, DescriptorChain.MaximumPieces), new DescriptorChain()));
        return true;
    }

    private void Send(int tag)
    {
        (FrameBuffer frame, DescriptorChain chain) = _frames[tag];
        if (_pair.Link is { } link && TryBuild(frame, chain))
        {
            link.Send(frame);
            return;
        }

        _pair.CountSendDropped();
        Finish(tag);
    }

    private bool TryBuild(FrameBuffer frame, DescriptorChain chain)
    {
        Span<byte> bytes = stackalloc byte[VirtioNetHeader.Bytes];
        long length = chain.ReadableBytes - VirtioNetHeader.Bytes;
        if (length is < EthernetBytes or > LongestFrameBytes || !chain.TryRead(_runner.Queue.Memory, 0, bytes)) return false;
        VirtioNetHeader header = VirtioNetHeader.Read(bytes);
        if (!IsAgreed(header)) return false;
        frame.Clear();
        // Only what is still to be done is the sender's to say.
        frame.Header = header with { Flags = header.Flags & VirtioNetFlags.NeedsChecksum, BufferCount = 0 };
        return chain.TryAddReadable(frame.Data, _runner.Queue.Memory, VirtioNetHeader.Bytes, length);
    }

    private bool IsAgreed(in VirtioNetHeader header)
    {
        if ((header.Flags & VirtioNetFlags.NeedsChecksum) != 0 && (_features & NetFeatures.HostChecksum) == 0) return false;
        return header.Segmentation switch
        {
            VirtioNetSegmentation.None => true,
            VirtioNetSegmentation.Tcp4 => (_features & NetFeatures.HostTcp4) != 0,
            VirtioNetSegmentation.Tcp6 => (_features & NetFeatures.HostTcp6) != 0,
            VirtioNetSegmentation.UdpSegmentation => (_features & NetFeatures.HostUdp) != 0,
            _ => false,
        };
    }

    private void Finish(int tag)
    {
        _runner.Complete(_frames[tag].Chain, 0);
        _free.Push(tag);
    }
}
