using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Channels;

/// <summary>The state machine alone, with its effects written down. Completions come when a test says so.</summary>
internal sealed class ServerHarness : IChannelEffects, IDisposable
{
    private readonly List<string> _log = [];
    private readonly GuestMemory _memory;

    public ServerHarness(ProtocolVersion? maximum = null, ulong memoryBytes = 16 << 20)
    {
        _memory = GuestMemory.Create(memoryBytes);
        Server = new ChannelServer(_memory, maximum ?? ProtocolVersion.V5_3, this);
    }

    public ChannelServer Server { get; }

    /// <summary>Channels whose open was asked for and not answered.</summary>
    public List<uint> Opening { get; } = [];

    /// <summary>Channels whose close was asked for and not answered.</summary>
    public List<uint> Closing { get; } = [];

    /// <summary>Channels whose move was asked for and not answered.</summary>
    public List<uint> Moving { get; } = [];

    /// <summary>Every message that was sent.</summary>
    public List<byte[]> Sent { get; } = [];

    public ChannelStart? LastStart { get; private set; }

    /// <summary>The page that the guest named last.</summary>
    public ulong MonitorPage { get; private set; }

    public bool TakesConnects { get; set; }

    /// <summary>Looks at every message while it is sent.</summary>
    public Action<byte[]>? OnSend { get; set; }

    public void Dispose() => _memory.Dispose();

    /// <summary>What happened since the last call.</summary>
    public string Take()
    {
        string text = string.Join(", ", _log);
        _log.Clear();
        return text;
    }

    public ChannelSnapshot Channel(uint id) => Server.Capture().Channels.Single(channel => channel.Id == id);

    public void Post<T>(T message, params ReadOnlySpan<byte> rest)
        where T : struct, IServerBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(bytes);
        rest.CopyTo(bytes[length..]);
        Server.Receive(bytes[..(length + rest.Length)]);
    }

    public void Contact(ProtocolVersion? version = null, FeatureFlags features = FeatureFlags.None)
    {
        ProtocolVersion wanted = version ?? ProtocolVersion.V5_3;
        ulong info = wanted >= ProtocolVersion.V5_0 ? 2 | ((ulong)features << 32) : 0;
        Post(new InitiateContact(wanted, 0, info, 0, 0, Guid.Empty));
    }

    public uint Offer(Guid? instance = null) => Server.Offer(new ChannelOffer(new Guid(1, 2, 3, new byte[8]), instance ?? Guid.NewGuid()))!.Value;

    public void PostGpadl(uint channel, uint id, int pages = 8, ulong firstPage = 16)
    {
        var ranges = new byte[8 + (8 * pages)];
        WriteUInt32LittleEndian(ranges, (uint)pages * 4096);
        for (int i = 0; i < pages; i++) WriteUInt64LittleEndian(ranges.AsSpan(8 + (8 * i)), firstPage + (ulong)i);
        Post(new GpadlHeader(channel, id, (ushort)ranges.Length, 1), ranges);
    }

    public void PostOpen(uint channel, uint gpadl, uint downstream = 4, uint connectionId = 0, ushort flag = 0, ushort flags = 0)
        => Post(new OpenChannelRequest(channel, channel, gpadl, 0, downstream, default, connectionId, flag, flags));

    /// <summary>Connected, offered, described and opened.</summary>
    public uint Opened()
    {
        uint id = Offer();
        Contact();
        Post(new RequestOffers());
        Open(id, 100);
        return id;
    }

    /// <summary>Describes rings, opens and answers for the device.</summary>
    public void Open(uint id, uint gpadl)
    {
        PostGpadl(id, gpadl);
        PostOpen(id, gpadl);
        Complete(id, opened: true);
    }

    public void Complete(uint id, bool opened)
    {
        Assert.True(Opening.Remove(id));
        Server.OpenCompleted(id, opened);
    }

    public void CompleteClose(uint id)
    {
        Assert.True(Closing.Remove(id));
        Server.CloseCompleted(id);
    }

    public void CompleteMove(uint id)
    {
        Assert.True(Moving.Remove(id));
        Server.RetargetCompleted(id);
    }

    public void Send(ReadOnlySpan<byte> message)
    {
        byte[] copy = message.ToArray();
        Sent.Add(copy);
        OnSend?.Invoke(copy);
        var type = (ClientBoundType)ReadUInt32LittleEndian(message);
        // The status of those that have one: 0 is a plain answer.
        uint status = type switch
        {
            ClientBoundType.OpenChannelResult or ClientBoundType.GpadlCreated => ReadUInt32LittleEndian(message[16..]),
            ClientBoundType.ModifyChannelResponse => ReadUInt32LittleEndian(message[12..]),
            _ => 0,
        };
        _log.Add(MessageTable.Rows.First(row => row.Number == (uint)type).Name + (status == 0 ? "" : " failed"));
    }

    public void SetMessageProcessor(uint virtualProcessor)
    {
    }

    public void SetMonitorPage(ulong page) => MonitorPage = page;

    public void DropMessages()
    {
    }

    public void Open(ChannelStart start)
    {
        LastStart = start;
        Opening.Add(start.ChannelId);
        _log.Add("start");
    }

    public void Close(uint channelId)
    {
        Closing.Add(channelId);
        _log.Add("stop");
    }

    public void Retarget(uint channelId, uint virtualProcessor)
    {
        Moving.Add(channelId);
        _log.Add("move");
    }

    public void WantGpadl(uint channelId, uint gpadlId) => _log.Add("want");

    public bool TryConnect(in TlConnectRequest request) => TakesConnects;

    public void Refused(Refusal reason, uint messageNumber, uint channelId) => _log.Add($"refused {reason}");

    public void DeviceStopped(uint primaryId) => _log.Add("device stopped");

    public void ResetCompleted() => _log.Add("reset done");

    public void ConnectionChanged(ProtocolVersion? version)
    {
    }
}
