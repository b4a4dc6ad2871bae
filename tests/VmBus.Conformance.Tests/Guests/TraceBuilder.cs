using VmBus.Conformance.Guests;
using VmBus.Conformance.Reports;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests.Guests;

/// <summary>A trace that is made word by word, a millisecond from one to the next.</summary>
internal sealed class TraceBuilder
{
    private const uint RingBytes = 4096;

    private readonly List<TraceRecord> _records = [];
    private readonly Dictionary<uint, (Guid Type, ushort Index, OfferFlags Flags)> _channels = [];
    private ulong _time = 1_700_000_000_000_000_000;

    /// <summary>Time passes.</summary>
    public TraceBuilder Wait(int milliseconds)
    {
        _time += (ulong)milliseconds * 1_000_000;
        return this;
    }

    public TraceBuilder Guest<T>(in T message, params ReadOnlySpan<byte> rest)
        where T : struct, IServerBoundMessage<T>
    {
        Span<byte> bytes = new byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(bytes);
        rest.CopyTo(bytes[length..]);
        return Add(TraceKind.Message, TraceDirection.FromGuest, 0, bytes[..(length + rest.Length)]);
    }

    public TraceBuilder Host<T>(in T message)
        where T : struct, IClientBoundMessage<T>
    {
        Span<byte> bytes = new byte[SyntheticInterrupts.MaximumMessageBytes];
        return Add(TraceKind.Message, TraceDirection.FromHost, 0, bytes[..message.Write(bytes)]);
    }

    /// <summary>The guest makes contact and is accepted.</summary>
    public TraceBuilder Connect(ProtocolVersion? version = null) => Propose(version ?? ProtocolVersion.V5_3).Host(new VersionResponse(1, ConnectionStatus.Successful, 4, null));

    public TraceBuilder Propose(ProtocolVersion version) => Guest(new InitiateContact(version, 0, 2, 0, 0, Guid.Empty));

    public TraceBuilder Offer(uint channel, Guid type, ushort index = 0, Guid? instance = null, OfferFlags flags = OfferFlags.None, byte[]? userDefined = null)
        => Host(new OfferChannel(type, instance ?? type, flags, 0, userDefined ?? [], index, channel, channel));

    public TraceBuilder Gpadl(uint channel, uint id, params ReadOnlySpan<ulong> pages)
    {
        byte[] range = new byte[8 + (pages.Length * 8)];
        WriteInt32LittleEndian(range, pages.Length * 4096);
        for (int i = 0; i < pages.Length; i++) WriteUInt64LittleEndian(range.AsSpan(8 + (i * 8)), pages[i]);
        return Guest(new GpadlHeader(channel, id, (ushort)range.Length, 1), range).Host(new GpadlCreated(channel, id, NtStatus.Success));
    }

    public TraceBuilder OpenMessage(uint channel, uint gpadl = 1) => Guest(new OpenChannelRequest(channel, 1, gpadl, 0, 1, default, 0, 0, 0));

    /// <summary>The host has found a channel's rings.</summary>
    public TraceBuilder Opened(uint channel, Guid type, ushort index = 0, OfferFlags flags = OfferFlags.None, uint write = 0, uint features = 1)
    {
        _channels[channel] = (type, index, flags);
        return Rings(channel, RingMoment.Opened, write, features: features);
    }

    public TraceBuilder Rings(uint channel, RingMoment moment, uint write = 0, uint read = 0, uint mask = 0, uint features = 1, uint hostRead = 0, uint pending = 0)
    {
        byte[] body = new byte[TracedRings.Size];
        var from = new TracedWords(write, read, mask, 0, features);
        new TracedRings(moment, RingBytes, RingBytes, from, new TracedWords(0, 0, 0, pending, features), hostRead, 0, pending).Write(body);
        return Add(TraceKind.Rings, TraceDirection.None, channel, body);
    }

    public TraceBuilder Signal(uint channel) => Add(TraceKind.Signal, TraceDirection.FromGuest, channel, new byte[4]);

    public TraceBuilder FromGuest(uint channel, ulong id, params ReadOnlySpan<byte> payload) => Packet(TraceDirection.FromGuest, channel, PacketType.DataInband, id, 1, payload);

    public TraceBuilder FromHost(uint channel, ulong id, params ReadOnlySpan<byte> payload) => Packet(TraceDirection.FromHost, channel, PacketType.DataInband, id, 0, payload);

    public TraceBuilder Packet(TraceDirection direction, uint channel, PacketType type, ulong id, ushort flags = 0, params ReadOnlySpan<byte> payload)
    {
        byte[] body = new byte[PacketDescriptor.Size + ((payload.Length + 7) / 8 * 8)];
        new PacketDescriptor(type, PacketDescriptor.Size, body.Length, flags, id).Write(body);
        payload.CopyTo(body.AsSpan(PacketDescriptor.Size));
        return Add(TraceKind.Packet, direction, channel, body);
    }

    public TraceBuilder Completion(TraceDirection direction, uint channel, ulong id) => Packet(direction, channel, PacketType.Completion, id);

    /// <summary>What the check of one rule finds.</summary>
    public RuleResult Check(string rule) => GuestRun.Check(_records, isWhole: true, "a guest", id => id == rule).Results.Single();

    private TraceBuilder Add(TraceKind kind, TraceDirection direction, uint channel, ReadOnlySpan<byte> body)
    {
        (Guid type, ushort index, OfferFlags flags) = _channels.GetValueOrDefault(channel);
        _time += 1_000_000;
        _records.Add(new TraceRecord(_time, new TraceHeader(kind, direction, channel, index, flags, ProtocolVersion.V5_3, type), body.ToArray(), body.Length, 0));
        return this;
    }
}
