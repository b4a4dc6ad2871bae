using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

// What only the primary channel does: versions, buffers, sub-channels, RNDIS control messages.
internal sealed partial class NetworkEndpoint : IBufferHolder
{
    private const uint MaximumMdlChain = 34;

    private readonly ControlSender _controls;
    private readonly RndisServer _rndis;
    private readonly GuestStream _controlStream;
    private readonly byte[] _control = new byte[RndisServer.MaximumBytes];
    private PacketDescriptor _receiveRequest;
    private ushort _receiveId;
    private BufferState _receiveState;
    private SendHolder? _sendHolder;

    private enum BufferState
    {
        None,
        Asked,

        // Revoked before the answer came.
        Unwanted,
        Held,
    }

    /// <summary>The link has come up or gone down.</summary>
    public void LinkChanged()
    {
        if (_closing || _rndis.LinkChanged() is not { } status) return;
        Span<byte> message = stackalloc byte[RndisAnswers.IndicationBytes];
        RndisAnswers.WriteIndication(message, status, 0);
        SendControl(message);
    }

    /// <summary>Tells the guest how to spread what it sends, when the last sub-channel has opened.</summary>
    public void SubchannelsOpened()
    {
        if (_closing) return;
        NvspSendTable.Write(_scratch, _session.Subchannels + 1);
        Send(PacketType.DataInband, _scratch.AsSpan(0, NvspSendTable.Size), 0);
    }

    void IBufferHolder.BufferTaken(INetworkBuffer? buffer)
    {
        bool wanted = _receiveState == BufferState.Asked;
        bool taken = wanted && buffer is not null && _session.TryDivide(buffer.Memory.Bytes);
        if (!taken)
        {
            _receiveState = BufferState.None;
            buffer?.Release();
            _counters.Refused++;
            _log.Refused(_channel.Id, NvspMessageType.SendReceiveBuffer, NvspStatus.Failure);
            AnswerMessage(_receiveRequest, message => new NvspReceiveSections(NvspStatus.Failure, 0, 0).Write(message));
            return;
        }

        ReceiveLayout layout = _session.Layout;
        var shared = new SharedBuffer(buffer!, _receiveId, layout.SectionBytes, layout.SectionCount, _channel.Post);
        _ = shared.TryEnter();
        _controls.Start(shared, layout);
        _receiveState = BufferState.Held;
        _session.SetReceiveBuffer(shared);
        _log.Configured(_channel.Id, _session.Version, _session.Mtu, layout.SectionBytes, layout.SectionCount);
        foreach (NetworkEndpoint channel in _session.Channels())
        {
            if (channel == this) StartQueue();
            else channel.Post(channel.StartQueue);
        }

        AnswerMessage(
            _receiveRequest, message => new NvspReceiveSections(NvspStatus.Success, (uint)layout.SectionBytes, (uint)layout.SectionCount).Write(message));
    }

    void IBufferHolder.BufferWanted() => RevokeReceiveBuffer();

    private PacketVerdict HandleSetup(in RingPacket packet, NvspMessageType type)
    {
        if (!IsPrimary) return Refuse(packet, type, NvspStatus.ProtocolUnsupported);
        NvspStatus status = type switch
        {
            NvspMessageType.Initialize => Initialize(packet),
            NvspMessageType.SendNdisConfiguration => Configure(packet),
            NvspMessageType.SendNdisVersion => TakeNdisVersion(packet),
            NvspMessageType.SendReceiveBuffer => AskForReceiveBuffer(packet),
            NvspMessageType.SendSendBuffer => AskForSendBuffer(packet),
            NvspMessageType.RevokeReceiveBuffer => RevokeReceiveBuffer(),
            NvspMessageType.RevokeSendBuffer => RevokeSendBuffer(),
            NvspMessageType.Subchannel => OfferSubchannels(packet),
            NvspMessageType.SwitchDataPath => SwitchDataPath(packet),
            _ => NvspStatus.ProtocolUnsupported,
        };
        return status == NvspStatus.Success ? PacketVerdict.Taken : Refuse(packet, type, status);
    }

    private NvspStatus Initialize(in RingPacket packet)
    {
        if (_receiveState != BufferState.None || !NvspInitialize.TryRead(packet.Payload, out NvspInitialize request)) return NvspStatus.Failure;
        NvspVersion version = NvspVersion.None;
        foreach (NvspVersion candidate in Enum.GetValues<NvspVersion>())
        {
            if (candidate != NvspVersion.None && candidate >= request.Minimum && candidate <= request.Maximum) version = candidate;
        }

        bool known = version != NvspVersion.None;
        if (known) _session.Version = version;
        uint echo = version == NvspVersion.V1 ? (uint)version : uint.MaxValue;
        var answer = new NvspInitializeComplete(echo, MaximumMdlChain, known ? NvspStatus.Success : NvspStatus.ProtocolUnsupported);
        AnswerMessage(packet.Descriptor, message => answer.Write(message));
        return NvspStatus.Success;
    }

    private NvspStatus Configure(in RingPacket packet)
    {
        if (_session.Version == NvspVersion.None || !NvspNdisConfiguration.TryRead(packet.Payload, out NvspNdisConfiguration configuration))
            return NvspStatus.Failure;
        // The sections are made for the MTU: it stays while there are any.
        if (_receiveState == BufferState.None) _session.SetMtu(configuration.Mtu);
        AnswerRndis(packet.Descriptor, NvspStatus.Success);
        return NvspStatus.Success;
    }

    private NvspStatus TakeNdisVersion(in RingPacket packet)
    {
        if (_session.Version == NvspVersion.None || !NvspNdisVersion.TryRead(packet.Payload, out _)) return NvspStatus.Failure;
        AnswerRndis(packet.Descriptor, NvspStatus.Success);
        return NvspStatus.Success;
    }

    private NvspStatus AskForReceiveBuffer(in RingPacket packet)
    {
        if (_session.Version == NvspVersion.None || _receiveState != BufferState.None) return NvspStatus.Failure;
        if (!NvspBuffer.TryRead(packet.Payload, out NvspBuffer request) || !_channel.TryTakeBuffer(request.Gpadl, this)) return NvspStatus.Failure;
        _receiveRequest = packet.Descriptor;
        _receiveId = request.Id;
        _receiveState = BufferState.Asked;
        return NvspStatus.Success;
    }

    private NvspStatus RevokeReceiveBuffer()
    {
        switch (_receiveState)
        {
            case BufferState.Asked:
                _receiveState = BufferState.Unwanted;
                return NvspStatus.Success;
            case BufferState.Held:
                _receiveState = BufferState.None;
                SharedBuffer? buffer = _session.ReceiveBuffer;
                _session.SetReceiveBuffer(null);
                foreach (NetworkEndpoint channel in _session.Channels())
                {
                    if (channel == this) StopQueue();
                    else channel.Post(channel.StopQueue);
                }

                _controls.Stop();
                buffer?.Revoke();
                return NvspStatus.Success;
            default:
                return NvspStatus.Failure;
        }
    }

    private NvspStatus AskForSendBuffer(in RingPacket packet)
    {
        if (_session.Version == NvspVersion.None || _sendHolder is not null) return NvspStatus.Failure;
        if (!NvspBuffer.TryRead(packet.Payload, out NvspBuffer request)) return NvspStatus.Failure;
        var holder = new SendHolder(this, packet.Descriptor, request.Id);
        if (!_channel.TryTakeBuffer(request.Gpadl, holder)) return NvspStatus.Failure;
        _sendHolder = holder;
        return NvspStatus.Success;
    }

    private NvspStatus RevokeSendBuffer()
    {
        if (_sendHolder is null) return NvspStatus.Failure;
        _sendHolder = null;
        SharedBuffer? buffer = _session.SendBuffer;
        _session.SendBuffer = null;
        foreach (NetworkEndpoint channel in _session.Channels())
        {
            if (channel == this) LeaveSendBuffer();
            else channel.Post(channel.LeaveSendBuffer);
        }

        buffer?.Revoke();
        return NvspStatus.Success;
    }

    private void SendBufferTaken(SendHolder holder, INetworkBuffer? buffer)
    {
        bool taken = buffer is not null && _sendHolder == holder && buffer.Memory.Bytes >= Transmitter.SectionBytes;
        if (!taken)
        {
            buffer?.Release();
            if (_sendHolder == holder) _sendHolder = null;
        }
        else
        {
            int count = (int)Math.Min(buffer!.Memory.Bytes / Transmitter.SectionBytes, int.MaxValue);
            _session.SendBuffer = new SharedBuffer(buffer, holder.Id, Transmitter.SectionBytes, count, _channel.Post);
        }

        var answer = new NvspSendSections(taken ? NvspStatus.Success : NvspStatus.Failure, taken ? Transmitter.SectionBytes : 0u);
        AnswerMessage(holder.Request, message => answer.Write(message));
    }

    private NvspStatus OfferSubchannels(in RingPacket packet)
    {
        if (_receiveState != BufferState.Held || !_session.Version.HasSubchannels() || _session.Subchannels != 0) return NvspStatus.Failure;
        if (!NvspSubchannelRequest.TryRead(packet.Payload, out NvspSubchannelRequest request) || request.Operation != NvspSubchannelRequest.Allocate)
            return NvspStatus.Failure;
        int count = (int)Math.Min(request.Count, (uint)_session.Queues - 1);
        _session.Subchannels = count;
        AnswerMessage(packet.Descriptor, message => new NvspSubchannelComplete(NvspStatus.Success, (uint)count).Write(message));
        if (count > 0) _channel.OfferSubchannels(count);
        return NvspStatus.Success;
    }

    // There is no virtual function, so frames go this way in any case. Linux does not know the type of an answer with a payload.
    private NvspStatus SwitchDataPath(in RingPacket packet)
    {
        Answer(packet.Descriptor, default);
        return NvspStatus.Success;
    }

    private PacketVerdict HandleControl(in RingPacket packet, in NvspRndisPacket rndis)
    {
        if (_receiveState != BufferState.Held) return Refuse(packet, NvspMessageType.SendRndisPacket, NvspStatus.Failure);
        _controlStream.Clear();
        bool whole = rndis.SectionIndex == NetworkInterface.NoSection && packet.Descriptor.Type == PacketType.DataUsingGpaDirect
            && _controlStream.TryAddRanges(packet.Header, RndisServer.MaximumBytes);
        Span<byte> message = _control.AsSpan(0, whole ? _controlStream.Bytes : 0);
        if (!whole || !_controlStream.TryRead(0, message)) return Refuse(packet, NvspMessageType.SendRndisPacket, NvspStatus.InvalidRndisPacket);
        NvspStatus status = _rndis.Handle(message, out ReadOnlySpan<byte> reply);
        if (status != NvspStatus.Success) return Refuse(packet, NvspMessageType.SendRndisPacket, status);
        AnswerRndis(packet.Descriptor, status);
        if (!_rndis.IsInitialized) _controls.Clear();
        if (!reply.IsEmpty) SendControl(reply);
        LinkChanged();
        return PacketVerdict.Taken;
    }

    private void SendControl(ReadOnlySpan<byte> message)
    {
        if (!_controls.TrySend(message)) _channel.Fail("the guest asks without reading the answers");
    }

    private void AnswerMessage(in PacketDescriptor request, WriteMessage write)
    {
        Span<byte> message = _scratch.AsSpan(0, _session.Version.MessageBytes());
        message.Clear();
        write(message);
        Answer(request, message);
    }

    private void EndSession()
    {
        _session.End();
        if (_receiveState == BufferState.Held) RevokeReceiveBuffer();
        if (_session.SendBuffer is not null) RevokeSendBuffer();
    }

    private delegate void WriteMessage(Span<byte> message);

    private sealed class SendHolder(NetworkEndpoint owner, PacketDescriptor request, ushort id) : IBufferHolder
    {
        public PacketDescriptor Request => request;

        public ushort Id => id;

        public void BufferTaken(INetworkBuffer? buffer) => owner.SendBufferTaken(this, buffer);

        public void BufferWanted()
        {
            if (owner._sendHolder == this) owner.RevokeSendBuffer();
        }
    }
}
