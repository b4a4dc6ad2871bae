using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Guests;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Tests.Traces;
using VmBus.Protocol.Channel;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;
using Built = System.Action<VmBus.Conformance.Tests.Guests.TraceBuilder>;

namespace VmBus.Conformance.Tests.Guests;

/// <summary>Each check of a guest tells one that keeps its rule from one that breaks it.</summary>
public sealed class GuestCheckTests
{
    private const uint Channel = 5;
    private const OfferFlags Socket = (OfferFlags)0x2011;
    private const TraceDirection Guest = TraceDirection.FromGuest, Host = TraceDirection.FromHost;

    private static readonly Guid Scsi = StorageInterface.Scsi, Nic = NetworkInterface.Synthetic, Beat = IntegrationServices.Heartbeat.InterfaceType;

    private static readonly (string Rule, Built Keeps, Built Breaks)[] Cases =
    [
        ("CH-53", static t => t.Propose(ProtocolVersion.V5_3).Host(new VersionResponse(0, 0, 0, null)).Connect(ProtocolVersion.V5_2), static t => t.Propose(ProtocolVersion.V5_2).Host(new VersionResponse(0, 0, 0, null)).Connect()),
        ("CH-53", static t => t.Guest(new Unload()).Connect(), static t => t.Propose(ProtocolVersion.V5_3).Guest(new RequestOffers())),
        ("CH-54", static t => t.Connect().Guest(new RequestOffers()).Connect().Guest(new RequestOffers()), static t => t.Connect().Guest(new RequestOffers()).Guest(new RequestOffers())),
        ("CH-55", static t => t.Opened(Channel, Scsi), static t => t.Opened(Channel, Scsi, write: 4)),
        ("CH-56", static t => t.Connect().Gpadl(5, 1, 10, 11).Guest(new GpadlTeardown(5, 1)).Host(new GpadlTorndown(1)).Gpadl(5, 2, 11), static t => t.Connect().Gpadl(5, 1, 10, 11).Guest(new GpadlTeardown(5, 1)).Gpadl(5, 2, 11)),
        ("CH-56", static t => t.Connect().Gpadl(5, 1, 10).Host(new RescindChannelOffer(5)).Gpadl(6, 2, 10), static t => t.Connect().Gpadl(5, 1, 10).Host(new RescindChannelOffer(6)).Gpadl(6, 2, 10)),
        ("CH-57", static t => Close(t, Nic, 6, 5), static t => Close(t, Nic, 5, 6)),
        ("CH-58", static t => t.Host(new RescindChannelOffer(5)).Guest(new RelIdReleased(5)), static t => t.Host(new RescindChannelOffer(5)).Wait(9000).Guest(new RelIdReleased(6))),
        ("DM-9", static t => Balloon(t).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.BalloonResponse, 1)).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.BalloonResponse, 0)), static t => Balloon(t).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.HotAddResponse, 0))),
        ("DM-9", static t => Balloon(t).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.BalloonResponse, 0)), static t => Balloon(t).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.BalloonResponse, 0)).FromGuest(Channel, 0, Memory(DynamicMemoryMessageType.BalloonResponse, 0))),
        ("IC-12", static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response)), static t => Ask(t, 7).FromGuest(Channel, 1, Message(8, IntegrationFlags.Response))),
        ("IC-12", static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response)), static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Request))),
        ("IC-12", static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response)), static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response).AsSpan(0, 32))),
        ("IC-13", static t => Negotiate(t, 1, 1, 3, 0, 3, 0), static t => Negotiate(t, 1, 1, 3, 0, 4, 0)),
        ("IC-13", static t => Negotiate(t, 0, 0, 9, 9, 9, 9), static t => Negotiate(t, 1, 1, 2, 0, 3, 0)),
        ("IC-14", static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response)), static t => Ask(t, 7).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response)).FromGuest(Channel, 1, Message(7, IntegrationFlags.Response))),
        ("NW-23", static t => Receive(t).Completion(Guest, Channel, 3), static t => Receive(t).Completion(Guest, Channel, 3).Completion(Guest, Channel, 3)),
        ("NW-23", static t => Receive(t).Completion(Guest, Channel, 3), static t => Receive(t).Completion(Guest, Channel, 4)),
        ("NW-24", static t => Frame(t).Completion(Host, Channel, 2).FromGuest(Channel, 0, Word(106)), static t => Frame(t).FromGuest(Channel, 0, Word(106))),
        ("NW-24", static t => Frame(t).Completion(Host, Channel, 2).FromGuest(Channel, 0, Word(103)), static t => t.Opened(Channel, Nic).FromGuest(Channel, 1, Word(1)).FromGuest(Channel, 2, Word(107, 0)).Completion(Host, Channel, 2).FromGuest(Channel, 0, Word(103))),
        ("RG-21", static t => t.Opened(Channel, Scsi).FromGuest(Channel, 1, 1), static t => t.Opened(Channel, Scsi).FromGuest(Channel, 1, 1).Rings(Channel, RingMoment.Failed)),
        ("RG-22", static t => Rest(t, signal: true), static t => Rest(t, signal: false)),
        ("RG-22", static t => Rest(t.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle).FromHost(Channel, 0, 1).FromGuest(Channel, 1, 1).Rings(Channel, RingMoment.Idle), signal: true), static t => Rest(Rest(t, signal: true), signal: false)),
        ("RG-23", static t => Receive(t).Completion(Guest, Channel, 3), static t => Receive(t).Completion(Guest, Channel, 3).Completion(Guest, Channel, 3)),
        ("RG-24", static t => Full(t).Signal(Channel), static t => Full(t)),
        ("RG-25", static t => t.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle), static t => t.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle, read: 8)),
        ("RG-25", static t => t.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle), static t => t.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle, mask: 1)),
        ("SK-7", static t => t.Offer(5, Scsi, flags: Socket, userDefined: [0, 0, 0, 0, 1]).OpenMessage(5), static t => t.Offer(5, Scsi, flags: Socket, userDefined: [0, 0, 0, 0, 1]).Wait(3000).OpenMessage(5)),
        ("SK-8", static t => t.Opened(Channel, Scsi, flags: Socket).FromGuest(Channel, 0, Word(1, 0)), static t => t.Opened(Channel, Scsi, flags: Socket).FromGuest(Channel, 0, Word(1, 0)).FromGuest(Channel, 0, [1, 0, 0, 0, 1, 0, 0, 0, 9])),
        ("ST-25", static t => Handshake(t).FromGuest(Channel, 3, Word(3)), static t => t.Opened(Channel, Scsi).FromGuest(Channel, 1, Word(7)).FromGuest(Channel, 2, Word(3)).FromGuest(Channel, 3, Word(8))),
        ("ST-25", static t => Handshake(t), static t => t.Opened(Channel, Scsi).FromGuest(Channel, 1, Word(9)).FromGuest(Channel, 2, Word(8))),
        ("ST-26", static t => Handshake(t).FromGuest(Channel, 3, Word(3)).Completion(Host, Channel, 3).FromGuest(Channel, 3, Word(3)), static t => Handshake(t).FromGuest(Channel, 3, Word(3)).FromGuest(Channel, 3, Word(3))),
        ("ST-26", static t => Handshake(t), static t => Handshake(t).FromGuest(Channel, 0, Word(3))),
        ("ST-27", static t => Close(t, Scsi, 6, 5), static t => Close(t, Scsi, 5, 6)),
    ];

    public static TheoryData<int> Rows => [.. Enumerable.Range(0, Cases.Length)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Guest_that_keeps_the_rule_passes_and_one_that_breaks_it_fails(int row)
    {
        (string rule, Built keeps, Built breaks) = Cases[row];
        TraceBuilder kept = new(), broken = new();
        keeps(kept);
        breaks(broken);
        RuleResult good = kept.Check(rule), bad = broken.Check(rule);
        Assert.Equal((rule, RuleVerdict.Pass, good.Evidence), (rule, good.Verdict, good.Evidence));
        Assert.Equal((rule, RuleVerdict.Fail, bad.Evidence), (rule, bad.Verdict, bad.Evidence));
        Assert.All(new[] { good, bad }, static result => Assert.DoesNotContain('\n', result.Evidence));
        Assert.Equal(RuleVerdict.NotCovered, new TraceBuilder().Check(rule).Verdict);
    }

    [Fact]
    public void Every_check_has_a_case_here_but_one_that_no_guest_can_fail()
    {
        // A guest that does not free the slot gets no message more: it shows at everything else.
        Assert.Equal(RuleVerdict.Pass, new Func<RuleResult>(static () => new TraceBuilder().Connect().Host(new AllOffersDelivered()).Gpadl(5, 1, 10).OpenMessage(5).Check("SY-12"))().Verdict);
        Assert.Equal(GuestCheckList.ById.Keys.Order(StringComparer.Ordinal), Cases.Select(static row => row.Rule).Append("SY-12").Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_rule_of_a_guest_is_checked_or_listed_with_a_reason()
    {
        ConformanceRule[] guests = [.. RuleBook.All.Where(static rule => rule.Of == RuleParty.Guest)];
        Assert.Equal(guests.Select(static rule => rule.Id).Order(StringComparer.Ordinal), GuestCheckList.ById.Keys.Concat(GuestCheckList.KnownGaps).Order(StringComparer.Ordinal));
        ConformanceReport report = GuestRun.Check([], isWhole: true, "nobody");
        Assert.Equal(guests.Length, report.Count(RuleVerdict.NotCovered));
        Assert.All(report.Results, static result => Assert.NotEmpty(result.Evidence));
    }

    [Fact]
    public void Trace_with_a_gap_covers_nothing()
        => Assert.All(GuestRun.Check([], isWhole: false, "a guest").Results, static result => Assert.Equal(RuleVerdict.NotCovered, result.Verdict));

    [Theory]
    [InlineData("channel", "CH-53 CH-54 CH-56 SY-12")]
    [InlineData("storage", "RG-21 ST-26")]
    [InlineData("network", "NW-23 NW-24 RG-21 RG-23")]
    [InlineData("integration", "IC-12 IC-13 IC-14 RG-21")]
    public void Captured_guests_keep_the_rules_that_their_captures_show(string topic, string rules)
    {
        foreach (string name in SpecConversation.Names(topic))
        {
            string path = Path.Combine(Path.GetTempPath(), $"vmbus-trace-{Guid.NewGuid():N}.pcapng");
            try
            {
                ConformanceReport report = GuestRun.Check(CapturedTrace.Write(name, path), isWhole: true, name);
                Assert.Empty(report.Results.Where(static result => result.Verdict == RuleVerdict.Fail).Select(static result => $"{result.Rule.Id}: {result.Evidence}"));
                string[] passed = [.. report.Results.Where(static result => result.Verdict == RuleVerdict.Pass).Select(static result => result.Rule.Id)];
                Assert.Empty(rules.Split(' ').Except(passed));
            }
            finally
            {
                File.Delete(path);
            }
        }
    }

    [Fact]
    public void Bytes_that_make_no_sense_are_judged_without_an_exception()
    {
        var random = new Random(1);
        for (int round = 0; round < 200; round++)
        {
            var records = new List<TraceRecord>();
            for (int i = 0; i < 100; i++)
            {
                byte[] body = new byte[random.Next(0, 260)];
                random.NextBytes(body);
                if (body.Length > 4) body[1] = body[2] = body[3] = 0;
                Guid type = random.Next(4) switch { 0 => Scsi, 1 => Nic, 2 => Beat, _ => MemoryChecks.InterfaceType };
                records.Add(new TraceRecord((ulong)i, new TraceHeader((TraceKind)random.Next(0, 7), (TraceDirection)random.Next(0, 4), (uint)random.Next(0, 4), (ushort)random.Next(0, 2), (OfferFlags)random.Next(), default, type), body, body.Length, 0));
            }

            Assert.Equal(25, GuestRun.Check(records, isWhole: true, "noise").Results.Count);
        }
    }

    private static TraceBuilder Close(TraceBuilder trace, Guid type, uint first, uint second) => trace.Connect()
        .Offer(5, type).Offer(6, type, index: 1).OpenMessage(5).OpenMessage(6).Guest(new CloseChannel(first)).Guest(new CloseChannel(second));

    private static TraceBuilder Balloon(TraceBuilder trace) => trace.Opened(Channel, MemoryChecks.InterfaceType).FromHost(Channel, 0, Memory(DynamicMemoryMessageType.BalloonRequest, 0));

    private static TraceBuilder Ask(TraceBuilder trace, byte transaction) => trace.Opened(Channel, Beat).FromHost(Channel, 1, Message(transaction, IntegrationFlags.Request));

    private static TraceBuilder Receive(TraceBuilder trace) => trace.Opened(Channel, Nic).Packet(Host, Channel, PacketType.DataUsingTransferPages, 3, PacketDescriptor.CompletionRequested, Word(107, 0));

    private static TraceBuilder Frame(TraceBuilder trace) => trace.Opened(Channel, Nic).FromGuest(Channel, 1, Word(107, 1)).FromGuest(Channel, 2, Word(107, 0));

    private static TraceBuilder Full(TraceBuilder trace) => trace.Opened(Channel, Scsi).Rings(Channel, RingMoment.WaitingForSpace, pending: 2048);

    private static TraceBuilder Handshake(TraceBuilder trace) => trace.Opened(Channel, Scsi).FromGuest(Channel, 1, Word(7)).Completion(Host, Channel, 1).FromGuest(Channel, 2, Word(8)).Completion(Host, Channel, 2);

    private static TraceBuilder Rest(TraceBuilder trace, bool signal)
    {
        trace.Opened(Channel, Scsi).Rings(Channel, RingMoment.Idle);
        if (signal) trace.Signal(Channel);
        return trace.FromGuest(Channel, 1, 1).Rings(Channel, RingMoment.Idle).Rings(Channel, RingMoment.Idle);
    }

    // The host names 1.0 and 3.0 of both.
    private static void Negotiate(TraceBuilder trace, byte frameworks, byte messages, byte major, byte minor, byte messageMajor, byte messageMinor) => trace
        .Opened(Channel, Beat)
        .FromHost(Channel, 1, [.. Message(1, IntegrationFlags.Request, IntegrationMessageType.Negotiate, 24)[..28], 2, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0])
        .FromGuest(Channel, 1, [.. Message(1, IntegrationFlags.Response, IntegrationMessageType.Negotiate, 24)[..28], frameworks, 0, messages, 0, 0, 0, 0, 0, major, 0, minor, 0, messageMajor, 0, messageMinor, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    private static byte[] Message(byte transaction, IntegrationFlags flags, IntegrationMessageType type = IntegrationMessageType.Heartbeat, int bodyBytes = 40)
    {
        byte[] message = new byte[IntegrationHeader.Size + bodyBytes];
        new IntegrationHeader(new IntegrationVersion(3, 0), type, new IntegrationVersion(3, 0), bodyBytes, IntegrationStatus.Success, transaction, flags | IntegrationFlags.Transaction).Write(message);
        return message;
    }

    private static byte[] Memory(DynamicMemoryMessageType type, uint more)
    {
        byte[] message = new byte[16];
        new DynamicMemoryHeader(type, message.Length, 1).Write(message);
        WriteUInt32LittleEndian(message.AsSpan(12), more);
        return message;
    }

    private static byte[] Word(uint first, uint second = 0)
    {
        byte[] bytes = new byte[8];
        WriteUInt32LittleEndian(bytes, first);
        WriteUInt32LittleEndian(bytes.AsSpan(4), second);
        return bytes;
    }
}
