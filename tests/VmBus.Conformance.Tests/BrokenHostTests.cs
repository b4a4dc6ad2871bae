using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Cli.Conformance;
using VmBus.Client.Transports;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests;

/// <summary>Each check finds a host that breaks its rule: a sound host whose messages, signals or interrupts are changed on their way.</summary>
public sealed class BrokenHostTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    private static readonly Dictionary<string, Action<TamperingTransport>> Ways = new(StringComparer.Ordinal)
    {
        ["CH-1"] = static t => Drop(t, ClientBoundType.VersionResponse),
        ["CH-2"] = static t => Change(t, ClientBoundType.VersionResponse, static m => m[12] ^= 1),
        ["CH-3"] = static t => Change(t, ClientBoundType.VersionResponse, static m => WriteUInt32LittleEndian(m.AsSpan(12), 0x0100_0000)),
        ["CH-4"] = static t => Change(t, ClientBoundType.VersionResponse, static m => m[8] = 1),
        ["CH-5"] = static t => Change(t, ClientBoundType.VersionResponse, static m => WriteUInt32LittleEndian(m.AsSpan(m.Length - 4), 0x3F)),
        ["CH-6"] = static t => Change(t, ClientBoundType.VersionResponse, static m => m[8] = 1),
        ["CH-7"] = static t => Change(t, ClientBoundType.VersionResponse, static m => m[8] = 1),
        ["CH-8"] = static t => t.OnSignal = static _ => true,
        ["CH-9"] = static t => AnswerAtOnce(t, ServerBoundType.RequestOffers, Bytes(default(AllOffersDelivered))),
        ["CH-10"] = static t => Repeat(t, ClientBoundType.UnloadResponse),
        ["CH-11"] = static t => Change(t, ClientBoundType.OfferChannel, Count()),
        ["CH-12"] = static t => Reverse(t),
        ["CH-13"] = static t => AnswerAtOnce(t, ServerBoundType.RequestOffers, Bytes(default(AllOffersDelivered))),
        ["CH-14"] = static t => Change(t, ClientBoundType.OfferChannel, static m => WriteUInt32LittleEndian(m.AsSpan(184), 5)),
        ["CH-15"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[190] = 0),
        ["CH-16"] = static t => AnswerNumbers(t, static number => number is 0 or > 29),
        ["CH-17"] = static t => AnswerNumbers(t, static number => number == 1),
        ["CH-18"] = static t => AnswerShort(t),
        ["CH-19"] = static t => t.FromGuest = static (_, message) => (message.Length < 240, []),
        ["CH-20"] = static t => AnswerAtOnce(t, ServerBoundType.Pause, Bytes(default(PauseResponse))),
        ["CH-21"] = static t => Change(t, ClientBoundType.GpadlCreated, static m => m[12] ^= 1),
        ["CH-22"] = static t => Repeat(t, ClientBoundType.GpadlCreated),
        ["CH-23"] = static t => Accept(t, ClientBoundType.GpadlCreated),
        ["CH-24"] = static t => Accept(t, ClientBoundType.GpadlCreated),
        ["CH-25"] = static t => Accept(t, ClientBoundType.GpadlCreated),
        ["CH-26"] = static t => Accept(t, ClientBoundType.GpadlCreated),
        ["CH-27"] = static t => Drop(t, ClientBoundType.GpadlTorndown),
        ["CH-28"] = static t => Change(t, ClientBoundType.GpadlTorndown, static m => m[8] ^= 1),
        ["CH-29"] = static t => t.FromGuest = static (type, message)
            => type == ServerBoundType.GpadlTeardown ? (false, [Bytes(new GpadlTorndown(ReadUInt32LittleEndian(message.AsSpan(12))))]) : (true, []),
        ["CH-30"] = static t => Accept(t, ClientBoundType.GpadlCreated),
        ["CH-31"] = static t => Change(t, ClientBoundType.OpenChannelResult, static m => m[12] ^= 1),
        ["CH-32"] = static t => AnswerAtOnce(t, ServerBoundType.OpenChannel, Bytes(new OpenChannelResult(0, 0, NtStatus.InvalidParameter))),
        ["CH-33"] = static t => Accept(t, ClientBoundType.OpenChannelResult),
        ["CH-34"] = static t => Accept(t, ClientBoundType.OpenChannelResult),
        ["CH-35"] = static t => Accept(t, ClientBoundType.OpenChannelResult),
        ["CH-36"] = static t => t.FromGuest = static (type, _) => (type != ServerBoundType.CloseChannel, []),
        ["CH-37"] = static t => t.OnSignal = static _ => true,
        ["CH-38"] = static t => t.FromGuest = static (type, _) => (type != ServerBoundType.RelIdReleased, []),
        ["CH-39"] = static t => Drop(t, ClientBoundType.ModifyChannelResponse),
        ["CH-40"] = static t => Accept(t, ClientBoundType.ModifyChannelResponse),
        ["CH-41"] = static t => AnswerAtOnce(t, ServerBoundType.ModifyChannel, Bytes(new ModifyChannelResponse(1, NtStatus.Success))),
        ["CH-42"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["CH-43"] = static t => Accept(t, ClientBoundType.OpenChannelResult),
        ["CH-44"] = static t => OfferOnce(t),
        ["CH-45"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[180] = m[180] == 0 ? (byte)0 : (byte)9),
        ["CH-46"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["CH-47"] = static t => Change(t, ClientBoundType.TlConnectResult, static m => m[8] ^= 1),
        ["CH-48"] = static t => AnswerAtOnce(t, ServerBoundType.TlConnectRequest, Bytes(new TlConnectResult(Guid.Empty, Guid.Empty, NtStatus.ConnectionRefused))),
        ["CH-49"] = static t => Repeat(t, ClientBoundType.PauseResponse),
        ["CH-50"] = static t => Drop(t, ClientBoundType.ModifyConnectionResponse),
        ["CH-51"] = static t => t.OnSignal = static _ => true,
        ["CH-52"] = static t => Drop(t, ClientBoundType.CloseReservedChannelResponse),
        ["RG-8"] = static t => t.Interrupts = false,
        ["RG-9"] = static t => t.Interrupts = false,
        ["RG-13"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-14"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-15"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-16"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-17"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-18"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["RG-19"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["SY-1"] = static t => t.OnPost = static connection => connection == ConnectionIds.MultiClientMessage ? PostResult.Refused : null,
        ["SY-2"] = static t => t.OnPost = static connection => connection > 4 ? PostResult.Accepted : null,
        ["SY-3"] = static t => t.OnSignal = static _ => true,
        ["SY-4"] = static t => Every(t, ClientBoundType.GpadlTorndown, 1000),
        ["SY-5"] = static t => t.Interrupts = false,
        ["SY-6"] = static t => t.FalseInterrupts = true,
        ["ST-1"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[100] = 1),
        ["ST-23"] = Mute,
        ["NW-1"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[56] = 1),
        ["NW-17"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["NW-20"] = static t => t.FromHost = static (type, m) => type == ClientBoundType.OfferChannel && m[180] == 2 ? [] : [m],
        ["IC-1"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[60] = 0),
        ["IC-2"] = Mute,
        ["IC-3"] = Mute,
        ["IC-5"] = Mute,
        ["IC-9"] = Mute,
        ["DM-1"] = Mute,
        ["DM-3"] = Mute,
        ["NW-2"] = Mute,
        ["NW-15"] = Mute,
        ["SK-3"] = Mute,
        ["SK-4"] = Mute,
        ["RG-4"] = Mute,
        ["RG-5"] = Mute,
        ["RG-6"] = Mute,
        ["RG-7"] = Mute,
        ["RG-10"] = static t => ClearWhileClosed(t),
        ["RG-11"] = Mute,
        ["RG-12"] = Mute,
        ["RG-20"] = static t => RefuseReserved(t),
        ["ST-20"] = Mute,
        ["ST-21"] = Mute,
        ["SK-1"] = static t => Change(t, ClientBoundType.TlConnectResult, static m => WriteUInt32LittleEndian(m.AsSpan(40), 0x8000_FFFF)),
        ["SK-2"] = static t => Change(t, ClientBoundType.OfferChannel, static m => m[64] = 1),
        ["SK-5"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["SK-6"] = static t => Drop(t, ClientBoundType.RescindChannelOffer),
        ["DM-6"] = static t => AnswerAtOnce(t, ServerBoundType.GpadlTeardown, Bytes(new RescindChannelOffer(9))),
    };

    private readonly OwnHost _host = OwnHost.Start(ProtocolVersion.V6_0, NullLogger.Instance);

    public static TheoryData<string> Rules => [.. Ways.Keys];

    public void Dispose() => _host.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    public void Host_that_breaks_a_rule_is_found(string rule)
    {
        var transport = new TamperingTransport(_host.Transport);
        Ways[rule](transport);
        RuleResult result = Assert.Single(new ConformanceRun(transport, "broken") { Patience = Patience }.Run(id => id == rule).Results);
        Assert.Equal((rule, RuleVerdict.Fail), (result.Rule.Id, result.Verdict));
        Assert.NotEmpty(result.Evidence);
    }

    [Fact]
    public void Host_that_says_nothing_at_all_fails_every_check()
    {
        var transport = new TamperingTransport(_host.Transport) { FromGuest = static (_, _) => (false, []) };
        ConformanceReport report = new ConformanceRun(transport, "mute") { Patience = TimeSpan.FromMilliseconds(1) }.Run();
        Assert.Equal(0, report.Count(RuleVerdict.Pass));
    }

    // The host says that a channel is open, and does nothing with it.
    private static void Mute(TamperingTransport transport) => transport.FromGuest = static (type, message) => type == ServerBoundType.OpenChannel
        ? (false, [Bytes(new OpenChannelResult(ReadUInt32LittleEndian(message.AsSpan(8)), ReadUInt32LittleEndian(message.AsSpan(12)), NtStatus.Success))])
        : (true, []);

    private static void Drop(TamperingTransport transport, ClientBoundType type) => transport.FromHost = (came, message) => came == type ? [] : [message];

    private static void Repeat(TamperingTransport transport, ClientBoundType type) => transport.FromHost = (came, message) => came == type ? [message, message] : [message];

    private static void Change(TamperingTransport transport, ClientBoundType type, Action<byte[]> change) => transport.FromHost = (came, message) =>
    {
        if (came == type) change(message);
        return [message];
    };

    // The status at the end becomes 0.
    private static void Accept(TamperingTransport transport, ClientBoundType type) => Change(transport, type, static message => message.AsSpan(message.Length - 4).Clear());

    private static void AnswerAtOnce(TamperingTransport transport, ServerBoundType type, byte[] answer)
        => transport.FromGuest = (came, _) => (true, came == type ? [answer] : []);

    private static void AnswerNumbers(TamperingTransport transport, Func<uint, bool> which)
        => transport.FromGuest = (type, _) => (true, which((uint)type) ? [Bytes(default(UnloadResponse))] : []);

    private static void AnswerShort(TamperingTransport transport)
        => transport.FromGuest = static (type, message) => (true, type == ServerBoundType.CloseChannel && message.Length < 12 ? [Bytes(default(UnloadResponse))] : []);

    // Another channel id each time, as a host has that forgets them.
    private static Action<byte[]> Count()
    {
        uint next = 100;
        return message => WriteUInt32LittleEndian(message.AsSpan(184), next++);
    }

    private static void Reverse(TamperingTransport transport)
    {
        var offers = new Stack<byte[]>();
        transport.FromHost = (type, message) =>
        {
            if (type == ClientBoundType.OfferChannel)
            {
                offers.Push(message);
                return [];
            }

            byte[][] all = type == ClientBoundType.AllOffersDelivered ? [.. offers] : [];
            offers.Clear();
            return [.. all, message];
        };
    }

    private static void OfferOnce(TamperingTransport transport)
    {
        var seen = new HashSet<uint>();
        transport.FromHost = (type, message) => type != ClientBoundType.OfferChannel || seen.Add(ReadUInt32LittleEndian(message.AsSpan(184))) ? [message] : [];
    }

    private static void Every(TamperingTransport transport, ClientBoundType type, int nth)
    {
        int count = 0;
        transport.FromHost = (came, message) => came == type && ++count % nth == 0 ? [] : [message];
    }

    // Writes the interrupt mask of the first ring that was described, as a host does that looks at rings which are not open.
    private static void ClearWhileClosed(TamperingTransport transport)
    {
        Gpa? ring = null;
        transport.FromGuest = (type, message) =>
        {
            ring ??= RingOf(type, message);
            if (type == ServerBoundType.GpadlTeardown && ring is { } page) _ = transport.Memory.TryWrite(page + RingControlPage.InterruptMask, new byte[sizeof(uint)]);
            return (true, []);
        };
    }

    // Takes no ring whose reserved bytes are set.
    private static void RefuseReserved(TamperingTransport transport)
    {
        Gpa? ring = null;
        transport.FromGuest = (type, message) =>
        {
            ring ??= RingOf(type, message);
            byte[] reserved = new byte[sizeof(uint)];
            bool isSet = type == ServerBoundType.OpenChannel && ring is { } page && transport.Memory.TryRead(page + 16, reserved) && reserved.AsSpan().IndexOfAnyExcept((byte)0) >= 0;
            return isSet
                ? (false, [Bytes(new OpenChannelResult(ReadUInt32LittleEndian(message.AsSpan(8)), ReadUInt32LittleEndian(message.AsSpan(12)), NtStatus.InvalidParameter))])
                : (true, []);
        };
    }

    // The first page of a GPADL, whose only range begins at byte 20.
    private static Gpa? RingOf(ServerBoundType type, byte[] message) => type == ServerBoundType.GpadlHeader ? Gpa.FromPage(ReadUInt64LittleEndian(message.AsSpan(28))) : null;

    private static byte[] Bytes<T>(in T message)
        where T : struct, IClientBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[256];
        return bytes[..message.Write(bytes)].ToArray();
    }
}
