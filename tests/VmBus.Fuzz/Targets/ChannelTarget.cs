using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The channel protocol: messages of any bytes, with devices that open, close, fail, come and go. Whatever came before, a new connection works.</summary>
internal sealed class ChannelTarget : IFuzzTarget, IChannelEffects
{
    private const int MostAnswers = 600;
    private static readonly ServerBoundType[] Types = Enum.GetValues<ServerBoundType>();

    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);
    private readonly byte[] _message = new byte[SyntheticInterrupts.MaximumMessageBytes];
    private readonly List<uint> _opening = [], _closing = [], _moving = [];
    private readonly HashSet<uint> _offered = [];
    private ChannelServer _server = null!;
    private int _answers;

    public string Name => "channel";

    public string What => "channel messages and the state machine behind them";

    public IEnumerable<byte[]> Seeds =>
    [
        // Contact, offers, a GPADL, an open that is carried out, a close.
        [1, 14, 0, 0, 1, 3, 0, 0, 1, 8, 0, 0, 1, 5, 0, 0, 2, 0, 1, 7, 0, 0, 3, 0, 1, 16, 0, 0],
        [4, 1, 14, 0, 0, 1, 3, 0, 0, 5, 1, 3, 6, 2, 1, 22, 0, 0, 1, 11, 0, 0],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        Forget();
        _server = new ChannelServer(_memory, ProtocolVersion.V6_0, this);
        for (int i = 0; i < 3; i++) Offer((byte)i);
        while (!steps.IsEmpty)
        {
            _answers = 0;
            Step(ref steps);
            Must(_answers <= MostAnswers, $"{_answers} messages for one of the guest's");
        }

        // However it stands: a new guest is served.
        Contact();
        for (int rounds = 0; _opening.Count + _closing.Count + _moving.Count > 0; rounds++)
        {
            Must(rounds < 10_000, "The devices do not come to rest.");
            Settle();
        }

        Must(_server.Version == ProtocolVersion.V5_3, "A new guest is not served.");
        Must(_server.Capture().Gpadls.Count == 0, "GPADLs of the old guest are left.");
        Post(new RequestOffers());
        Must(_server.Capture().Channels.All(static channel => channel.State == ChannelState.Offered), "A channel is not offered to a new guest.");
    }

    public void Dispose() => _memory.Dispose();

    private void Forget()
    {
        _opening.Clear();
        _closing.Clear();
        _moving.Clear();
        _offered.Clear();
    }

    private void Step(ref FuzzInput input)
    {
        switch (input.Byte() % 10)
        {
            case 0:
                Raw(ref input);
                break;
            case 2:
                Complete(_opening, ref input, id => _server.OpenCompleted(id, true));
                break;
            case 3:
                CompleteClose(ref input);
                break;
            case 4:
                Contact();
                break;
            case 5:
                if (_server.Capture().Channels.Count < 8) Offer(input.Byte());
                break;
            case 6:
                DeviceDoes(ref input);
                break;
            case 7:
                Complete(_opening, ref input, id => _server.OpenCompleted(id, false));
                break;
            case 8:
                Complete(_moving, ref input, _server.RetargetCompleted);
                break;
            default:
                Formed(ref input);
                break;
        }
    }

    // A message of a type that there is, with fields that often name something.
    private void Formed(ref FuzzInput input)
    {
        ServerBoundType type = Types[input.Below(Types.Length)];
        uint channel = input.Number(), gpadl = input.Number();
        _message.AsSpan().Clear();
        int length = type switch
        {
            ServerBoundType.InitiateContact => new InitiateContact(
                ProtocolVersion.All[input.Below(ProtocolVersion.All.Count)], 0, 2 | ((ulong)input.Byte() << 32), 0, 0, Guid.Empty).Write(_message),
            ServerBoundType.GpadlHeader => Gpadl(channel, gpadl, ref input),
            ServerBoundType.OpenChannel => new OpenChannelRequest(channel, 9, gpadl, 0, input.Byte(), default, input.Number(), input.UInt16(), 0).Write(_message),
            ServerBoundType.OpenReservedChannel => new OpenReservedChannel(channel, 0, 2, gpadl, input.Byte()).Write(_message),
            _ => Plain(type, channel, gpadl),
        };
        input.Change(_message.AsSpan(0, length));
        Receive(_message.AsSpan(0, length));
    }

    private int Gpadl(uint channel, uint gpadl, ref FuzzInput input)
    {
        int pages = input.Below(24);
        int header = new GpadlHeader(channel, gpadl, (ushort)(8 + (8 * pages)), 1).Write(_message);
        WriteUInt32LittleEndian(_message.AsSpan(header), (uint)pages * Gpa.PageBytes);
        for (int i = 0; i < pages; i++) WriteUInt64LittleEndian(_message.AsSpan(header + 8 + (8 * i)), 16ul + (ulong)i);
        return header + 8 + (8 * pages);
    }

    private int Plain(ServerBoundType type, uint channel, uint gpadl)
    {
        WriteUInt32LittleEndian(_message, (uint)type);
        WriteUInt32LittleEndian(_message.AsSpan(8), channel);
        WriteUInt32LittleEndian(_message.AsSpan(12), gpadl);
        return 64;
    }

    private void Raw(ref FuzzInput input)
    {
        int length = input.Below(SyntheticInterrupts.MaximumMessageBytes + 1);
        _message.AsSpan().Clear();
        input.Bytes(length).CopyTo(_message);
        Receive(_message.AsSpan(0, length));
    }

    private void Receive(ReadOnlySpan<byte> message)
    {
        long paused = _server.RefusalCount(Refusal.Paused);
        bool isRelease = MessageTable.Classify(message, _server.Version, _server.Features, out ServerBoundType type) == MessageVerdict.Ok && type == ServerBoundType.RelIdReleased;
        _server.Receive(message);
        // While paused nobody hears it.
        if (isRelease && _server.RefusalCount(Refusal.Paused) == paused) _ = _offered.Remove(ReadUInt32LittleEndian(message[8..]));
    }

    private void DeviceDoes(ref FuzzInput input)
    {
        uint id = (uint)input.Below(10);
        ChannelSnapshot? channel = _server.Capture().Channels.FirstOrDefault(channel => channel.Id == id);
        if (channel is null) return;
        bool isServed = _opening.Contains(id) || _closing.Contains(id) || channel.State == ChannelState.Open;
        uint gpadl = input.Number();
        switch (input.Byte() % 5)
        {
            case 0:
                if (channel is { SubchannelIndex: 0, Removed: false }) _server.Remove(id);
                break;
            case 1:
                _server.OfferSubchannels(id, input.Below(4));
                break;
            case 2:
                if (isServed) _server.Fail(id);
                break;
            case 3:
                if (isServed) _ = _server.TakeGpadl(id, gpadl);
                break;
            default:
                // A device releases only what it took: not the rings.
                if (isServed && channel.RingGpadlId != gpadl) _server.ReleaseGpadl(id, gpadl);
                break;
        }
    }

    private void Settle()
    {
        if (_opening.Count > 0) Take(_opening, 0, id => _server.OpenCompleted(id, true));
        if (_moving.Count > 0) Take(_moving, 0, _server.RetargetCompleted);
        if (_closing.Count > 0 && !_moving.Contains(_closing[0])) Take(_closing, 0, _server.CloseCompleted);
    }

    private void CompleteClose(ref FuzzInput input)
    {
        if (_closing.Count == 0) return;
        int index = input.Below(_closing.Count);
        int moving = _moving.IndexOf(_closing[index]);
        if (moving >= 0) Take(_moving, moving, _server.RetargetCompleted);
        Take(_closing, index, _server.CloseCompleted);
    }

    private static void Complete(List<uint> waiting, ref FuzzInput input, Action<uint> complete)
    {
        if (waiting.Count > 0) Take(waiting, input.Below(waiting.Count), complete);
    }

    private static void Take(List<uint> waiting, int index, Action<uint> complete)
    {
        uint id = waiting[index];
        waiting.RemoveAt(index);
        complete(id);
    }

    // An operator does not offer what is there; what was taken away may come again.
    private void Offer(byte seed)
    {
        var instance = new Guid(seed, 5, 6, new byte[8]);
        if (_server.Capture().Channels.Any(channel => channel.Offer.InterfaceInstance == instance && !channel.Removed)) return;
        _ = _server.Offer(new ChannelOffer(new Guid(1, 2, 3, new byte[8]), instance));
    }

    private void Contact() => Post(new InitiateContact(ProtocolVersion.V5_3, 0, 2, 0, 0, Guid.Empty));

    private void Post<T>(in T message)
        where T : struct, IServerBoundMessage<T>
        => Receive(_message.AsSpan(0, message.Write(_message)));

    void IChannelEffects.Send(ReadOnlySpan<byte> message)
    {
        _answers++;
        Must(message.Length is >= 8 and <= SyntheticInterrupts.MaximumMessageBytes, $"A message of {message.Length} bytes.");
        uint subject = message.Length >= 12 ? ReadUInt32LittleEndian(message[8..]) : 0;
        switch ((ClientBoundType)ReadUInt32LittleEndian(message))
        {
            case ClientBoundType.VersionResponse or ClientBoundType.UnloadResponse:
                Must(_opening.Count + _closing.Count == 0, "A connection begins or ends while a device runs.");
                _offered.Clear();
                break;
            case ClientBoundType.OfferChannel:
                Must(_offered.Add(ReadUInt32LittleEndian(message[184..])), "An id was offered that the guest still holds.");
                break;
            case ClientBoundType.RescindChannelOffer:
                Must(!_closing.Contains(subject) && !_opening.Contains(subject), "A channel was rescinded that still runs.");
                break;
            default:
                break;
        }
    }

    void IChannelEffects.SetMessageProcessor(uint virtualProcessor)
    {
    }

    void IChannelEffects.SetMonitorPage(ulong page)
    {
    }

    void IChannelEffects.DropMessages()
    {
    }

    void IChannelEffects.Open(ChannelStart start)
    {
        foreach (PageRun run in start.FromGuest.Concat(start.ToGuest))
            Must(_memory.Contains(Gpa.FromPage(run.FirstPage), (ulong)run.PageCount * Gpa.PageBytes), "A ring lies outside of RAM.");
        _opening.Add(start.ChannelId);
    }

    void IChannelEffects.Close(uint channelId) => _closing.Add(channelId);

    void IChannelEffects.Retarget(uint channelId, uint virtualProcessor) => _moving.Add(channelId);

    void IChannelEffects.WantGpadl(uint channelId, uint gpadlId)
    {
    }

    bool IChannelEffects.TryConnect(in TlConnectRequest request) => request.EndpointId == Guid.Empty;

    void IChannelEffects.Refused(Refusal reason, uint messageNumber, uint channelId)
    {
    }

    void IChannelEffects.DeviceStopped(uint primaryId)
    {
    }

    void IChannelEffects.ResetCompleted()
    {
    }

    void IChannelEffects.ConnectionChanged(ProtocolVersion? version)
    {
    }
}
