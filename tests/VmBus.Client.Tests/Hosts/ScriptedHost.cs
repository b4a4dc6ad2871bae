using System.Buffers.Binary;
using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Tests.Hosts;

/// <summary>
/// A host that runs on the test's thread: answers what a sound host answers, unless the test says otherwise. Nothing ever waits: what has not been
/// sent when the client looks does not come.
/// </summary>
internal class ScriptedHost : IClientTransport
{
    public const uint ChannelId = 7;
    public static readonly Guid Instance = new("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");

    private readonly Queue<byte[]> _messages = new();
    private readonly Dictionary<uint, List<byte>> _gpadls = [];
    private readonly Dictionary<uint, int> _gpadlBytes = [];

    public GuestMemory Memory { get; } = GuestMemory.Create(64 << 20);

    public Guid InterfaceType { get; set; } = Guid.Parse("11111111-2222-3333-4444-555555555555");

    /// <summary>What the guest posted.</summary>
    public List<ServerBoundType> Posted { get; } = [];

    /// <summary>Looks at every answer before it is sent, and may replace it: by others, or by none.</summary>
    public Func<byte[], IEnumerable<byte[]>>? Tamper { get; set; }

    /// <summary>What becomes of posts; null takes them.</summary>
    public Func<PostResult>? Judge { get; set; }

    public RingReader? Reader { get; private set; }

    public RingWriter? Writer { get; private set; }

    public RingMapping? ToGuest { get; private set; }

    /// <summary>Which pages each handle stands for.</summary>
    public ulong[] Pages(uint gpadl)
    {
        byte[] ranges = [.. _gpadls[gpadl]];
        return [.. Enumerable.Range(0, (ranges.Length - 8) / 8).Select(i => BinaryPrimitives.ReadUInt64LittleEndian(ranges.AsSpan(8 + (8 * i))))];
    }

    public void Send(params byte[] message) => _messages.Enqueue(message);

    public static byte[] Bytes<T>(T message)
        where T : struct, IClientBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[256];
        return bytes[..message.Write(bytes)].ToArray();
    }

    public static OfferChannel Offer(uint id, Guid? instance = null, ushort index = 0)
        => new(Guid.Empty, instance ?? Instance, OfferFlags.None, 0, default, index, id, 0x2000 + id);

    public PostResult Post(uint connectionId, ReadOnlySpan<byte> message)
    {
        PostResult result = Judge?.Invoke() ?? PostResult.Accepted;
        if (result != PostResult.Accepted) return result;
        var type = (ServerBoundType)BinaryPrimitives.ReadUInt32LittleEndian(message);
        Posted.Add(type);
        foreach (byte[] answer in Answer(type, message.ToArray()))
        {
            foreach (byte[] sent in Tamper?.Invoke(answer) ?? [answer]) _messages.Enqueue(sent);
        }

        return PostResult.Accepted;
    }

    public int TakeMessage(Span<byte> destination, TimeSpan timeout)
    {
        if (!_messages.TryDequeue(out byte[]? message)) return -1;
        int bytes = Math.Min(message.Length, destination.Length);
        message.AsSpan(0, bytes).CopyTo(destination);
        return bytes;
    }

    public void Listen(uint processor, uint flag)
    {
    }

    public bool Signal(uint connectionId)
    {
        while (Reader?.TryRead(out RingPacket packet) == RingStatus.Ok) Take(packet.Descriptor, packet.Header.ToArray(), packet.Payload.ToArray());
        Reader?.Commit();
        Writer?.Commit();
        return Reader is not null;
    }

    public bool WaitForInterrupt(uint flag, TimeSpan timeout) => false;

    public virtual void Dispose()
    {
        Memory.Dispose();
    }

    /// <summary>A packet of the guest.</summary>
    protected virtual void Take(PacketDescriptor descriptor, byte[] header, byte[] payload)
    {
    }

    private IEnumerable<byte[]> Answer(ServerBoundType type, byte[] message)
    {
        switch (type)
        {
            case ServerBoundType.InitiateContact when InitiateContact.TryRead(message, out InitiateContact contact):
                bool isNew = contact.Version >= ProtocolVersion.V5_0;
                FeatureFlags? features = contact.Version >= ProtocolVersion.V6_0 ? contact.Features : null;
                return [Bytes(new VersionResponse(1, ConnectionStatus.Successful, isNew ? ConnectionIds.Message : contact.Version.Value, features))];
            case ServerBoundType.RequestOffers:
                return [Bytes(Offer(ChannelId) with { InterfaceType = InterfaceType }), Bytes(new AllOffersDelivered())];
            case ServerBoundType.GpadlHeader when GpadlHeader.TryRead(message, out GpadlHeader header):
                _gpadls[header.GpadlId] = [.. GpadlHeader.Ranges(message)];
                _gpadlBytes[header.GpadlId] = header.RangeBytes;
                return Described(header.GpadlId);
            case ServerBoundType.GpadlBody when GpadlBody.TryRead(message, out GpadlBody body):
                _gpadls[body.GpadlId].AddRange(GpadlBody.Ranges(message));
                return Described(body.GpadlId);
            case ServerBoundType.OpenChannel when OpenChannelRequest.TryRead(message, out OpenChannelRequest open):
                Map(open);
                return [Bytes(new OpenChannelResult(open.ChannelId, open.OpenId, NtStatus.Success))];
            case ServerBoundType.GpadlTeardown when GpadlTeardown.TryRead(message, out GpadlTeardown teardown):
                return [Bytes(new GpadlTorndown(teardown.GpadlId))];
            case ServerBoundType.ModifyChannel when ModifyChannel.TryRead(message, out ModifyChannel modify):
                return [Bytes(new ModifyChannelResponse(modify.ChannelId, NtStatus.Success))];
            case ServerBoundType.Unload:
                return [Bytes(new UnloadResponse())];
            case ServerBoundType.CloseChannel:
                Reader = null;
                Writer = null;
                return [];
            default:
                return [];
        }
    }

    private IEnumerable<byte[]> Described(uint id)
        => _gpadls[id].Count >= _gpadlBytes[id] ? [Bytes(new GpadlCreated(ChannelId, id, NtStatus.Success))] : [];

    private void Map(OpenChannelRequest open)
    {
        ulong[] pages = Pages(open.RingGpadlId);
        int outbound = (int)open.DownstreamPageOffset;
        if (!RingMapping.TryMap(Memory, [new PageRun(pages[0], outbound)], out RingMapping? fromGuest)) throw new InvalidOperationException("No ring.");
        if (!RingMapping.TryMap(Memory, [new PageRun(pages[outbound], pages.Length - outbound)], out RingMapping? toGuest))
            throw new InvalidOperationException("No ring.");
        Reader = new RingReader(fromGuest!, 32768);
        Writer = new RingWriter(toGuest!);
        ToGuest = toGuest;
    }
}
