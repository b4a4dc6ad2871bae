using System.Buffers.Binary;
using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>The host's end of one network channel, between the guest's ring and one queue of the link.</summary>
/// <remarks>
/// All members are called on the channel's lane, except <see cref="Post"/>, <see cref="ReadCounters"/>, <see cref="Traffic"/> and
/// <see cref="Describe"/>.
/// </remarks>
internal sealed partial class NetworkEndpoint : IChannelEndpoint, IChannelMeter, IFrameReceiver
{
    private const int MaximumWaitingAnswers = 64;

    private readonly NetworkSession _session;
    private readonly INetworkChannel _channel;
    private readonly NetworkLog _log;
    private readonly QueueCounters _counters = new();
    private readonly Transmitter _transmitter;
    private readonly Receiver _receiver;
    private readonly Queue<(byte[] Payload, ulong TransactionId, PacketType Type)> _answers = new();
    private readonly byte[] _scratch = new byte[NvspSendTable.Size + 16];
    private ILinkQueue? _queue;
    private bool _stopping;
    private bool _leaving;
    private bool _closing;
    private bool _closed;

    public NetworkEndpoint(NetworkSession session, INetworkChannel channel, NetworkLog log)
    {
        _session = session;
        _channel = channel;
        _log = log;
        _transmitter = new Transmitter(channel, session, _counters);
        _receiver = new Receiver(channel, session, _counters);
        _controls = new ControlSender(channel, session);
        _rndis = new RndisServer(session);
        _controlStream = new GuestStream(channel.Memory);
    }

    /// <summary>Whether this is the channel of set-up and control.</summary>
    public bool IsPrimary => _channel.Index == 0;

    /// <summary>0 for the primary.</summary>
    public int Index => _channel.Index;

    /// <summary>Whether a packet of the guest gets an answer: it asks for one, and has an id to answer to.</summary>
    public static bool WantsAnswer(in PacketDescriptor descriptor)
        => (descriptor.Flags & PacketDescriptor.CompletionRequested) != 0 && descriptor.TransactionId != 0;

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (packet.Descriptor.Type == PacketType.Completion) return Completed(packet.Descriptor.TransactionId);
        if (packet.Descriptor.Type is not (PacketType.DataInband or PacketType.DataUsingGpaDirect) || packet.Payload.Length < sizeof(uint))
            return Refuse(packet, NvspMessageType.None, NvspStatus.ProtocolUnsupported);
        var type = (NvspMessageType)BinaryPrimitives.ReadUInt32LittleEndian(packet.Payload);
        if (type != NvspMessageType.SendRndisPacket) return HandleSetup(packet, type);
        if (!NvspRndisPacket.TryRead(packet.Payload, out NvspRndisPacket rndis)) return Refuse(packet, type, NvspStatus.InvalidRndisPacket);
        switch (rndis.Channel)
        {
            case NvspChannelType.Data:
                PacketVerdict verdict = _transmitter.Take(packet, rndis, _stopping ? null : _queue, out NvspStatus status);
                return status == NvspStatus.Success ? verdict : Refuse(packet, type, status);
            case NvspChannelType.Control when IsPrimary:
                return HandleControl(packet, rndis);
            default:
                return Refuse(packet, type, NvspStatus.InvalidRndisPacket);
        }
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
        if (_closed) return;
        SendAnswers();
        _transmitter.SendUnsent();
        _controls.SendWaiting();
        _receiver.EndBatch(_stopping ? null : _queue);
    }

    /// <inheritdoc/>
    public void Close()
    {
        _closing = true;
        if (IsPrimary) EndSession();
        StopQueue();
        FinishClose();
    }

    /// <summary>Runs control work on this channel's lane. Any thread.</summary>
    public void Post(Action work) => _channel.Post(work);

    /// <summary>What this channel has done. Any thread.</summary>
    public NetworkCounters ReadCounters(bool open) => _counters.Read(open);

    /// <inheritdoc/>
    public ChannelTraffic Traffic
    {
        get
        {
            NetworkCounters counters = ReadCounters(true);
            return new ChannelTraffic(counters.FramesSent + counters.FramesReceived, counters.BytesSent, counters.BytesReceived);
        }
    }

    /// <summary>What this channel and its queue have done. Any thread.</summary>
    public NetworkQueueInfo Describe() => new(Index, ReadCounters(true), Volatile.Read(ref _queue)?.Counters ?? default);

    /// <summary>Begins to receive, when the session has a buffer and this channel has none yet.</summary>
    public void StartQueue()
    {
        if (_closing || _queue is not null || _session.ReceiveBuffer is not { } buffer || !buffer.TryEnter()) return;
        _receiver.Start(buffer, _session.Layout);
        _queue = _channel.OpenQueue(this);
        if (_queue is not null) return;
        _log.NoQueue(_channel.Id, _session.Link.Name);
        _receiver.Stop();
    }

    /// <summary>Ends what <see cref="StartQueue"/> began; the buffer is let go of when the link has given all frames back.</summary>
    public void StopQueue()
    {
        if (_queue is null || _stopping) return;
        _stopping = true;
        _queue.Stop();
    }

    /// <summary>
    /// Takes the channel a step towards an end at which neither side waits for the other: nothing more goes to the guest, and as soon as it has given back
    /// what it was sent, which comes by the same ring, it finds that ring full.
    /// </summary>
    /// <returns>Whether that end is reached.</returns>
    public bool Quiesce()
    {
        if (_closing) return true;
        _leaving = true;
        bool owed = _receiver.IsOwed || _controls.IsOwed || _answers.Count != 0;
        return _channel.TrySettle(seal: !owed) && !_transmitter.IsOwing;
    }

    /// <summary>Lets go of a send buffer that the session has given up.</summary>
    public void LeaveSendBuffer() => _transmitter.LeaveBuffer();

    FrameBuffer? IFrameReceiver.Rent() => _receiver.Rent(_stopping || _closing || _leaving);

    void IFrameReceiver.Receive(FrameBuffer frame, int bytes)
    {
        if (_stopping || _leaving) _receiver.Return(frame);
        else _receiver.Receive(frame, bytes);
    }

    void IFrameReceiver.Return(FrameBuffer frame) => _receiver.Return(frame);

    void IFrameReceiver.Sent(FrameBuffer frame, bool taken) => _transmitter.Sent(frame, taken);

    void IFrameReceiver.EndBatch()
    {
        if (!_stopping) _receiver.Flush();
    }

    void IFrameReceiver.Stopped()
    {
        // The queue may be in the middle of this call: it goes in a turn of its own.
        ILinkQueue queue = _queue!;
        _channel.Post(() =>
        {
            queue.Dispose();
            _queue = null;
            _stopping = false;
            _receiver.Stop();
            FinishClose();
            StartQueue();
        });
    }

    private PacketVerdict Completed(ulong transactionId)
    {
        bool control = IsPrimary && transactionId < (ulong)_session.Layout.ControlSections;
        if (control ? _controls.TryComplete(transactionId) : _receiver.TryComplete(transactionId)) return PacketVerdict.Taken;
        _counters.Refused++;
        return PacketVerdict.Violation;
    }

    private PacketVerdict Refuse(in RingPacket packet, NvspMessageType type, NvspStatus status)
    {
        _counters.Refused++;
        _log.Refused(_channel.Id, type, status);
        AnswerRndis(packet.Descriptor, status);
        return PacketVerdict.Taken;
    }

    private void AnswerRndis(in PacketDescriptor request, NvspStatus status)
    {
        new NvspPacketComplete(status).Write(_scratch);
        Answer(request, _scratch.AsSpan(0, NvspPacketComplete.Size));
    }

    private void Answer(in PacketDescriptor request, ReadOnlySpan<byte> payload)
    {
        if (WantsAnswer(request)) Send(PacketType.Completion, payload, request.TransactionId);
    }

    private void Send(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
    {
        if (_answers.Count == 0 && _channel.TrySend(type, default, payload, transactionId, 0)) return;
        if (_answers.Count == MaximumWaitingAnswers)
        {
            _channel.Fail("the guest asks without reading the answers");
            return;
        }

        _answers.Enqueue((payload.ToArray(), transactionId, type));
    }

    private void SendAnswers()
    {
        while (_answers.TryPeek(out (byte[] Payload, ulong TransactionId, PacketType Type) answer)
            && _channel.TrySend(answer.Type, default, answer.Payload, answer.TransactionId, 0))
        {
            _answers.Dequeue();
        }
    }

    private void FinishClose()
    {
        if (!_closing || _closed || _queue is not null) return;
        // A guest that still reads gets what there is room for.
        SendAnswers();
        _transmitter.SendUnsent();
        _closed = true;
        _transmitter.LeaveBuffer();
        _controls.Stop();
        _transmitter.Free();
        _receiver.Free();
        _session.Remove(this);
        _channel.Closed();
    }
}
