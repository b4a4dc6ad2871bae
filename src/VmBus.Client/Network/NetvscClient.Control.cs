using System.Buffers.Binary;
using System.Diagnostics;
using VmBus.Memory.Guest;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Network;

// Requests on the primary channel, one at a time: of the network protocol itself, and RNDIS in it.
public sealed partial class NetvscClient
{
    private const int MaximumControlBytes = Gpa.PageBytes;
    private const int AnswerBytes = 128;
    private const int MessagesPerLook = 64;

    // Above the ids of frames; an answer that comes too late has an id that nobody waits for any more.
    private const ulong FirstRequestId = 1ul << 32;

    // The host may take the channel away meanwhile, and says so by a message, which does not wake whoever waits for the ring.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly byte[] _message = new byte[NetvscQueue.NvspMessageBytes];
    private readonly byte[] _answer = new byte[AnswerBytes];
    private readonly byte[] _control = new byte[MaximumControlBytes];
    private readonly byte[] _reply = new byte[MaximumControlBytes];
    private readonly byte[] _controlRange = new byte[GpaRange.HeaderBytes + GpaRange.FixedBytes + sizeof(ulong)];
    private ulong _nextRequest = FirstRequestId;
    private ulong _awaitedRequest;
    private int _answerBytes;
    private uint _nextRndis = 1;
    private uint _awaitedRndis;
    private RndisMessageType _awaitedReply;
    private int _replyBytes;

    /// <summary>Whether RNDIS has been initialised and not halted.</summary>
    public bool IsInitialized { get; private set; }

    /// <summary>Whether there is somebody at the other end of the link, as far as the host has said.</summary>
    public bool IsUp { get; private set; }

    /// <summary>The adapter's Ethernet address.</summary>
    public ReadOnlyMemory<byte> PermanentAddress { get; private set; }

    /// <summary>The longest packet without its Ethernet header, as the host has it.</summary>
    public int MaximumFrameSize { get; private set; }

    /// <summary>Speed in 100 bit/s; 0 when the host does not say.</summary>
    public uint LinkSpeed { get; private set; }

    /// <summary>Packets that the host takes in one message.</summary>
    public int MaximumPackets { get; private set; }

    private ReadOnlySpan<byte> Answer => _answer.AsSpan(0, Math.Max(_answerBytes, 0));

    private ReadOnlySpan<byte> Reply => _reply.AsSpan(0, Math.Max(_replyBytes, 0));

    /// <summary>Begins RNDIS.</summary>
    public ClientStatus InitializeRndis()
    {
        const int Bytes = 24;
        const uint MaximumTransferBytes = 0x4000;
        uint id = _nextRndis++;
        Span<byte> message = _control.AsSpan(0, Bytes);
        new RndisControlHeader(RndisMessageType.Initialize, Bytes, id).Write(message);
        BinaryPrimitives.WriteUInt32LittleEndian(message[12..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(message[16..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(message[20..], MaximumTransferBytes);
        ClientStatus status = Control(Bytes, id, RndisMessageType.InitializeComplete);
        if (status != ClientStatus.Ok) return status;
        if (!RndisInitializeComplete.TryRead(Reply, out RndisInitializeComplete complete) || complete.MaximumPackets == 0) return Invalid();
        if (complete.Status != RndisStatus.Success) return ClientStatus.Refused;
        MaximumPackets = (int)Math.Min(complete.MaximumPackets, int.MaxValue);
        IsInitialized = true;
        return ClientStatus.Ok;
    }

    /// <summary>Asks for what a driver has to know, and says which work on frames the host is to do.</summary>
    public ClientStatus AskForTraits()
    {
        const int AddressBytes = 6;
        ClientStatus status = Query(NdisOid.MaximumFrameSize, default, out ReadOnlySpan<byte> value);
        if (status != ClientStatus.Ok) return status;
        if (value.Length < sizeof(uint)) return Invalid();
        MaximumFrameSize = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(value), ushort.MaxValue);
        status = Query(NdisOid.PermanentAddress, default, out value);
        if (status != ClientStatus.Ok) return status;
        if (value.Length != AddressBytes) return Invalid();
        PermanentAddress = value.ToArray();
        status = SetOffloads(_options.Coalescing && Version.HasCoalescing());
        if (status != ClientStatus.Ok) return status;
        status = Query(NdisOid.MediaConnectStatus, default, out value);
        if (status != ClientStatus.Ok) return status;
        if (value.Length >= sizeof(uint)) IsUp = BinaryPrimitives.ReadUInt32LittleEndian(value) == 0;
        if (Version < NvspVersion.V5) return ClientStatus.Ok;
        status = Query(NdisOid.LinkSpeed, default, out value);
        if (status == ClientStatus.Ok && value.Length >= sizeof(uint)) LinkSpeed = BinaryPrimitives.ReadUInt32LittleEndian(value);
        return status == ClientStatus.Refused ? ClientStatus.Ok : status;
    }

    /// <summary>Says which work on frames the host is to do: all of it that it can, but coalescing as wanted.</summary>
    public ClientStatus SetOffloads(bool coalescing)
    {
        Span<byte> offloads = stackalloc byte[NdisOffloadParameters.Size];
        OffloadSetting rsc = coalescing ? OffloadSetting.On : OffloadSetting.Off;
        new NdisOffloadParameters(
            ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both,
            OffloadSetting.On, OffloadSetting.On, rsc, rsc).Write(offloads);
        return Set(NdisOid.OffloadParameters, offloads);
    }

    /// <summary>Says which frames are wanted (NDIS_PACKET_TYPE bits); Linux's usual are 0x0D: its own, multicast and broadcast.</summary>
    public ClientStatus SetFilter(uint kinds)
    {
        Span<byte> value = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(value, kinds);
        return Set(NdisOid.CurrentPacketFilter, value);
    }

    /// <summary>Asks for an object.</summary>
    /// <param name="oid">Which.</param>
    /// <param name="input">What comes with the question.</param>
    /// <param name="value">The answer, valid until the next request.</param>
    /// <returns>Refused when the host does not have it.</returns>
    public ClientStatus Query(NdisOid oid, ReadOnlySpan<byte> input, out ReadOnlySpan<byte> value)
    {
        value = default;
        uint id = _nextRndis++;
        ClientStatus status = Control(WriteRequest(RndisMessageType.Query, oid, input, id), id, RndisMessageType.QueryComplete);
        if (status != ClientStatus.Ok) return status;
        if (!RndisAnswers.TryReadQuery(Reply, out RndisStatus outcome, out value)) return Invalid();
        return outcome == RndisStatus.Success ? ClientStatus.Ok : ClientStatus.Refused;
    }

    /// <summary>Sets an object.</summary>
    public ClientStatus Set(NdisOid oid, ReadOnlySpan<byte> value)
    {
        uint id = _nextRndis++;
        ClientStatus status = Control(WriteRequest(RndisMessageType.Set, oid, value, id), id, RndisMessageType.SetComplete);
        if (status != ClientStatus.Ok) return status;
        if (!RndisAnswers.TryReadSet(Reply, out RndisStatus outcome)) return Invalid();
        return outcome == RndisStatus.Success ? ClientStatus.Ok : ClientStatus.Refused;
    }

    /// <summary>Ends RNDIS, which has no answer of its own.</summary>
    public ClientStatus Halt()
    {
        IsInitialized = false;
        new RndisControlHeader(RndisMessageType.Halt, RndisControlHeader.Size, _nextRndis++).Write(_control);
        return Control(RndisControlHeader.Size, 0, RndisMessageType.None);
    }

    /// <summary>The answer to a request that is not a frame.</summary>
    internal void RequestCompleted(ulong id, ReadOnlySpan<byte> payload)
    {
        if (id < FirstRequestId || id >= _nextRequest)
        {
            Violate(ClientViolation.BadPacket);
            return;
        }

        if (id != _awaitedRequest) return;
        _awaitedRequest = 0;
        _answerBytes = Math.Min(payload.Length, _answer.Length);
        payload[.._answerBytes].CopyTo(_answer);
    }

    /// <summary>An RNDIS message that is not a frame.</summary>
    internal void ControlReceived(ReadOnlySpan<byte> message)
    {
        if (RndisAnswers.TryReadIndication(message, out RndisStatus notice, out _))
        {
            if (notice == RndisStatus.MediaConnect) IsUp = true;
            else if (notice == RndisStatus.MediaDisconnect) IsUp = false;
            return;
        }

        bool isMine = RndisControlHeader.TryRead(message, out RndisControlHeader header) && header.RequestId == _awaitedRndis
            && header.Type == _awaitedReply && _awaitedRndis != 0;
        if (!isMine)
        {
            Violate(ClientViolation.Unasked);
            return;
        }

        _awaitedRndis = 0;
        _replyBytes = Math.Min((int)header.MessageBytes, _reply.Length);
        message[.._replyBytes].CopyTo(_reply);
    }

    /// <summary>A message of the host that wants no answer.</summary>
    internal void NoticeReceived(ReadOnlySpan<byte> payload)
    {
        bool isTable = payload.Length >= sizeof(uint)
            && BinaryPrimitives.ReadUInt32LittleEndian(payload) == (uint)NvspMessageType.SendIndirectionTable;
        if (!isTable || !NvspSendTable.TryRead(payload, _sendTable)) Violate(ClientViolation.BadPacket);
    }

    private Span<byte> BeginMessage()
    {
        _message.AsSpan().Clear();
        return _message;
    }

    // Sends the message that was written, for which there is no answer.
    private ClientStatus Tell() => Post(default, wantsAnswer: false);

    // Sends the message that was written, and waits for an answer of a type and a length.
    private ClientStatus Ask(NvspMessageType type, int bytes)
    {
        ClientStatus status = Post(default, wantsAnswer: true);
        if (status == ClientStatus.Ok) status = WaitUntil(static client => client._awaitedRequest == 0);
        if (status != ClientStatus.Ok) return status;
        // A host that does not know the request, or not now, answers as to a frame.
        if (IsRefusal()) return ClientStatus.Refused;
        bool isMine = Answer.Length >= bytes && BinaryPrimitives.ReadUInt32LittleEndian(Answer) == (uint)type;
        return isMine ? ClientStatus.Ok : Invalid();
    }

    private bool IsRefusal() => NvspPacketComplete.TryRead(Answer, out NvspPacketComplete complete) && complete.Status is not (NvspStatus.None or NvspStatus.Success)
        && BinaryPrimitives.ReadUInt32LittleEndian(Answer) == (uint)NvspMessageType.SendRndisPacketComplete;

    private ClientStatus Control(int bytes, uint rndisId, RndisMessageType reply)
    {
        if (_controlPage is not { } page || _queues.Count == 0) return ClientStatus.BadState;
        _ = Memory.TryWrite(Gpa.FromPage(page.FirstPage), _control.AsSpan(0, bytes));
        BinaryPrimitives.WriteUInt32LittleEndian(_controlRange.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(_controlRange.AsSpan(8), (uint)bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(_controlRange.AsSpan(16), page.FirstPage);
        new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(BeginMessage());
        (_awaitedRndis, _awaitedReply) = (rndisId, reply);
        ClientStatus status = Post(_controlRange, wantsAnswer: true);
        if (status == ClientStatus.Ok) status = WaitUntil(static client => client._awaitedRequest == 0);
        if (status != ClientStatus.Ok) return status;
        if (IsRefusal()) return ClientStatus.Refused;
        bool sound = NvspPacketComplete.TryRead(Answer, out NvspPacketComplete complete) && complete.Status == NvspStatus.Success
            && BinaryPrimitives.ReadUInt32LittleEndian(Answer) == (uint)NvspMessageType.SendRndisPacketComplete;
        if (!sound) return Invalid();
        return reply == RndisMessageType.None ? ClientStatus.Ok : WaitUntil(static client => client._awaitedRndis == 0);
    }

    private int WriteRequest(RndisMessageType type, NdisOid oid, ReadOnlySpan<byte> value, uint id)
    {
        int bytes = RndisRequest.Size + value.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _control.Length, nameof(value));
        var header = new RndisControlHeader(type, (uint)bytes, id);
        new RndisRequest(header, oid, (uint)value.Length, RndisRequest.Size - RndisPacketHeader.OffsetBase).Write(_control);
        value.CopyTo(_control.AsSpan(RndisRequest.Size));
        return bytes;
    }

    private ClientStatus Post(ReadOnlySpan<byte> ranges, bool wantsAnswer)
    {
        if (_queues.Count == 0) return ClientStatus.BadState;
        NetvscQueue primary = _queues[0];
        ulong id = _nextRequest++;
        _awaitedRequest = wantsAnswer ? id : 0;
        _answerBytes = 0;
        long started = Stopwatch.GetTimestamp();
        while (!primary.TrySendRequest(ranges, _message, id, wantsAnswer))
        {
            ClientStatus status = Look(primary, started);
            if (status != ClientStatus.Ok) return status;
        }

        primary.Flush();
        return ClientStatus.Ok;
    }

    private ClientStatus WaitUntil(Func<NetvscClient, bool> condition)
    {
        NetvscQueue primary = _queues[0];
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            int taken = primary.Poll(Receiver);
            if (condition(this)) return ClientStatus.Ok;
            ClientStatus status = Look(primary, started, taken);
            if (status != ClientStatus.Ok) return status;
        }
    }

    // Waits for the host once, unless there may be more already; never longer than an answer may take, however much a host sends meanwhile.
    private ClientStatus Look(NetvscQueue queue, long started, int taken = 0)
    {
        if (queue.IsBroken) return ClientStatus.Violation;
        if (queue.Channel.IsRescinded) return ClientStatus.Rescinded;
        TimeSpan left = _options.AnswerTimeout - Stopwatch.GetElapsedTime(started);
        if (left <= TimeSpan.Zero) return ClientStatus.TimedOut;
        if (taken > 0 || queue.Wait(left < LookInterval ? left : LookInterval)) return ClientStatus.Ok;
        for (int i = 0; i < MessagesPerLook && _client.Pump(TimeSpan.Zero); i++)
        {
        }

        return ClientStatus.Ok;
    }

    // Everything that was sent has to come back before the buffers may be revoked.
    private ClientStatus Drain()
    {
        ClientStatus status = ClientStatus.Ok;
        foreach (NetvscQueue queue in _queues)
        {
            long started = Stopwatch.GetTimestamp();
            while (status == ClientStatus.Ok && queue.InFlight > 0) status = Look(queue, started, queue.Poll(Receiver));
        }

        return status;
    }
}
