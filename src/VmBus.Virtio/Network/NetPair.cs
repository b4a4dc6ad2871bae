using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.Network;

/// <summary>A pair of queues, between its driver and one queue of the link. One lane, but <see cref="Want"/> and <see cref="Counters"/>.</summary>
/// <remarks>
/// The link's queue is open while the receive queue runs, has had buffers, and the driver wants the pair: a TAP gives frames to each queue that is open.
/// </remarks>
#pragma warning disable CA1001 // The workers are their runners' to dispose, the link's queue is disposed when it has stopped.
internal sealed class NetPair(NetDevice device) : IFrameReceiver
#pragma warning restore CA1001
{
    private Lane? _lane;
    private NetReceiver? _receiver;
    private NetTransmitter? _transmitter;
    private ILinkQueue? _link;
    private bool _isStopping;
    private long _sent;
    private long _sendDropped;
    private long _received;
    private long _receiveDropped;
    private long _bytesSent;
    private long _bytesReceived;

    public NetCounters Counters => new(_sent, _sendDropped, _received, _receiveDropped, _bytesSent, _bytesReceived);

    /// <summary>Whether the driver uses the pair.</summary>
    public bool IsWanted { get; set; } = true;

    /// <summary>Where frames go; null while there is nowhere.</summary>
    public ILinkQueue? Link => _isStopping ? null : _link;

    public NetReceiver OpenReceiver(QueueRunner runner, Lane lane, NetFeatures features)
    {
        _lane = lane;
        return _receiver = new NetReceiver(this, runner, features, device.Link.Traits.MaximumFrameBytes, device.Vlans);
    }

    public NetTransmitter OpenTransmitter(QueueRunner runner, Lane lane, NetFeatures features)
    {
        _lane = lane;
        return _transmitter = new NetTransmitter(this, runner, features);
    }

    /// <summary>The driver begins or ends to use the pair. Any thread.</summary>
    public void Want(bool wanted)
    {
        IsWanted = wanted;
        _lane?.Post(() =>
        {
            if (!IsWanted) StopLink();
            else _receiver?.Touch();
        });
    }

    /// <summary>Opens the link's queue, when it is not open and wanted.</summary>
    public void StartLink()
    {
        if (_link is null && IsWanted) _link = device.Link.OpenQueue(_lane!, this);
    }

    /// <summary>Has the link give everything back and closes its queue.</summary>
    public void StopLink()
    {
        if (_link is null || _isStopping) return;
        _isStopping = true;
        _link.Stop();
    }

    public void ReceiverClosed() => _receiver = null;

    public void TransmitterClosed() => _transmitter = null;

    public void CountSent(long bytes)
    {
        _sent++;
        _bytesSent += bytes;
    }

    public void CountReceived(long bytes)
    {
        _received++;
        _bytesReceived += bytes;
    }

    public void CountSendDropped() => _sendDropped++;

    public void CountReceiveDropped() => _receiveDropped++;

    /// <inheritdoc/>
    public FrameBuffer? Rent() => _isStopping ? null : _receiver?.Rent();

    /// <inheritdoc/>
    public void Receive(FrameBuffer frame, int bytes) => _receiver!.Receive(frame, bytes);

    /// <inheritdoc/>
    public void Return(FrameBuffer frame) => _receiver!.Return(frame);

    /// <inheritdoc/>
    public void Sent(FrameBuffer frame, bool taken) => _transmitter!.Sent(frame, taken);

    /// <inheritdoc/>
    public void EndBatch() => _receiver?.Touch();

    /// <inheritdoc/>
    public void Stopped()
    {
        _link?.Dispose();
        _link = null;
        _isStopping = false;
        _receiver?.LinkStopped();
        _transmitter?.Touch();
    }
}
