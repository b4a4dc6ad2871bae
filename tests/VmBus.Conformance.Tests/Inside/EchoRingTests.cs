using VmBus.Bus.Devices;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Inside;
using VmBus.Conformance.Running;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Ring;
using VmBus.Providers.Echo;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Conformance.Tests.Inside;

/// <summary>The checks that run inside a guest at the echo device, at the same device without a guest's kernel between.</summary>
public sealed class EchoRingTests : IDisposable
{
    private static readonly Dictionary<string, Func<RingDevice, string>> Checks = new(StringComparer.Ordinal)
    {
        ["RG-1"] = RingChecks.CompletesOnce,
        ["RG-2"] = RingChecks.CompletesOnlyWhenAsked,
        ["RG-3"] = RingChecks.WritesPlainCompletions,
        ["RG-4"] = RingChecks.WritesSoundPackets,
        ["RG-5"] = RingChecks.Wraps,
        ["RG-6"] = RingChecks.WaitsForSpace,
        ["RG-7"] = RingChecks.AsksForSpace,
        ["RG-8"] = RingChecks.Signals,
        ["RG-9"] = RingChecks.SignalsSpace,
        ["RG-20"] = RingChecks.IgnoresReserved,
    };

    private static readonly Dictionary<string, Func<OpenChannel, PacketDescriptor, byte[], bool>> Ways = new(StringComparer.Ordinal)
    {
        ["RG-1"] = static (channel, packet, payload) => Complete(channel, packet.TransactionId & uint.MaxValue, payload),
        ["RG-2"] = static (channel, packet, payload) => Complete(channel, packet.TransactionId, payload),
        ["RG-3"] = static (channel, packet, payload) => channel.TrySend(PacketType.Completion, default, payload, packet.TransactionId, 1),
        ["RG-4"] = static (channel, packet, payload) => Complete(channel, packet.TransactionId, payload) && channel.TrySend(PacketType.DataInband, default, payload, 0),
        ["RG-5"] = static (channel, packet, payload) => Complete(channel, packet.TransactionId, payload.Length > 64 && packet.TransactionId % 7 == 0 ? payload[8..] : payload),
        ["RG-8"] = static (channel, packet, payload) => packet.TransactionId == 300 || Complete(channel, packet.TransactionId, payload),
    };

    private readonly FakeGuest _guest = new();

    public static TheoryData<string> Rules => [.. Checks.Keys];

    public static TheoryData<string> BrokenRules => [.. Ways.Keys];

    public static TheoryData<string> RulesOfBreaks => [.. RingBreaks.ById.Keys];

    public void Dispose() => _guest.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    public void Echo_device_keeps_the_rules_of_rings_and_goes_on(string rule)
    {
        _guest.Server.Offer(new EchoProvider());
        using Bench bench = Begin();
        EchoRings device = Open(bench);
        Assert.NotEmpty(Checks[rule](device));
    }

    [Theory]
    [MemberData(nameof(BrokenRules))]
    public void Device_that_breaks_a_rule_is_found(string rule)
    {
        _guest.Server.Offer(new BrokenEcho(Ways[rule]));
        using Bench bench = Begin(TimeSpan.FromMilliseconds(300));
        EchoRings device = Open(bench);
        Assert.Throws<RuleBrokenException>(() => Checks[rule](device));
    }

    [Theory]
    [MemberData(nameof(RulesOfBreaks))]
    public void Broken_ring_has_the_device_taken_away(string rule)
    {
        _guest.Server.Offer(new EchoProvider());
        using Bench bench = Begin();
        EchoRings device = Open(bench);
        _ = device.Ask("A request");
        RingBreaks.ById[rule][0].Break(device);
        _ = device.Channel.Signal();
        _ = bench.Await<RescindChannelOffer>(rule, rescind => rescind.ChannelId == device.Channel.Id);
    }

    private static bool Complete(OpenChannel channel, ulong id, byte[] payload) => channel.TrySend(PacketType.Completion, default, payload, id);

    private static EchoRings Open(Bench bench)
    {
        _ = bench.ConnectAndList();
        return new EchoRings(bench.Open(bench.Find(EchoInterface.Type, "echo device"), pagesPerRing: 33));
    }

    private Bench Begin(TimeSpan? patience = null) => new(new BusTransport(_guest.Ports, _guest.Server, _guest.Memory), patience ?? FakeGuest.Patience);

    /// <summary>An echo device that does with each packet what a test says.</summary>
    private sealed class BrokenEcho(Func<OpenChannel, PacketDescriptor, byte[], bool> answers) : IChannelDevice
    {
        public ChannelOffer Offer { get; } = new(EchoInterface.Type, EchoInterface.Instance);

        public IChannelEndpoint? Open(OpenChannel channel) => new Endpoint(channel, answers);

        private sealed class Endpoint(OpenChannel channel, Func<OpenChannel, PacketDescriptor, byte[], bool> answers) : IChannelEndpoint
        {
            public PacketVerdict Receive(in RingPacket packet)
            {
                _ = answers(channel, packet.Descriptor, packet.Payload.ToArray());
                return PacketVerdict.Taken;
            }

            public void EndBatch()
            {
            }

            public void Close() => channel.Closed();
        }
    }
}
