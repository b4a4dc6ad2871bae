using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Running;
using VmBus.Host.ProcessPartitions;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Integration;
using VmBus.Providers.Network;
using VmBus.TestKit.Bus;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests;

/// <summary>Checks of network adapter, dynamic memory and integration services find a sound device whose packets were changed to break their rule.</summary>
public sealed class BrokenDeviceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    private static readonly Taking Soundly = static (IChannelEndpoint sound, in RingPacket packet) => sound.Receive(packet);
    private static readonly MacAddress Address = MacAddress.Read([2, 0, 0, 0, 0, 1]);

    private static readonly Dictionary<string, Action<BrokenDeviceTests>> Ways = new(StringComparer.Ordinal)
    {
        ["DM-2"] = static host => host.Memory(static message => [Is(message, DynamicMemoryMessageType.VersionResponse) ? Word(message, 0) : message]),
        ["DM-4"] = static host => host.Memory(static message => [message], speaksFirst: true),
        ["DM-5"] = static host => host.Memory(static message => [message], static channel => (IChannelEndpoint sound, in RingPacket packet) =>
        {
            if (ReadUInt16LittleEndian(packet.Payload) == (ushort)DynamicMemoryMessageType.StatusReport) _ = channel.TrySend(PacketType.DataInband, [], Message(DynamicMemoryMessageType.VersionResponse), 0);
            return sound.Receive(packet);
        }),
        ["DM-7"] = static host => host.Memory(static message => Is(message, DynamicMemoryMessageType.BalloonRequest) ? [message, message] : [message]),
        ["DM-8"] = static host => host.Memory(static message => [Is(message, DynamicMemoryMessageType.UnballoonRequest) ? Shifted(message) : message]),
        ["DM-11"] = static host => host.Memory(static message => [message], static channel => (IChannelEndpoint sound, in RingPacket packet) =>
        {
            _ = sound.Receive(packet);
            return PacketVerdict.Taken;
        }),
        ["IC-4"] = static host => host.Integration(static message => [[.. message, .. new byte[5000]]]),
        ["IC-6"] = static host => host.Integration(static message => TypeOf(message) == IntegrationMessageType.Heartbeat ? [message, message] : [message]),
        ["IC-7"] = static host => host.Integration(static message => [TypeOf(message) == IntegrationMessageType.Heartbeat ? Changed(message, 14, 7) : message]),
        ["IC-8"] = static host => host.Integration(
            static message => [message], static (IChannelEndpoint sound, in RingPacket packet) => packet.Payload.Length < IntegrationHeader.Size ? PacketVerdict.Violation : sound.Receive(packet)),
        ["IC-10"] = static host => host.Integration(static message => TypeOf(message) == IntegrationMessageType.Heartbeat ? [] : [message]),
        ["IC-11"] = static host => host.Integration(static message => [TypeOf(message) == IntegrationMessageType.TimeSync ? Changed(message, IntegrationHeader.Size + 16, 2) : message]),
        ["NW-3"] = static host => host.Network(static packet => Change(packet, NvspMessageType.InitializeComplete, static packet => packet.Payload = packet.Payload[..32])),
        ["NW-4"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendRndisPacketComplete, static packet => packet.Payload = [.. packet.Payload, .. new byte[8]])),
        ["NW-5"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendRndisPacketComplete, static packet => Set(packet.Payload, 4, 1))),
        ["NW-6"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendReceiveBufferComplete, static packet => Set(packet.Payload, 12, 4096))),
        ["NW-7"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendReceiveBufferComplete, static packet => Set(packet.Payload, 4, 1))),
        ["NW-8"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendSendBufferComplete, static packet => Set(packet.Payload, 8, 100))),
        ["NW-9"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendRndisPacketComplete, static packet => Set(packet.Payload, 4, 1))),
        ["NW-10"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendRndisPacketComplete, static packet => Set(packet.Payload, 4, 1))),
        ["NW-11"] = static host => host.Network(static packet => Reply(packet, RndisMessageType.InitializeComplete, static message => Set(message, 8, 0xBAD))),
        ["NW-12"] = static host => host.Network(static packet => Reply(packet, RndisMessageType.QueryComplete, static message => Set(message, 16, 5))),
        ["NW-13"] = static host => host.Network(static packet => Reply(packet, RndisMessageType.QueryComplete, static message => Set(message, 12, 0))),
        ["NW-14"] = static host => host.Network(static packet => Change(packet, NvspMessageType.SendRndisPacketComplete, static packet => Set(packet.Payload, 4, 1))),
        ["NW-16"] = static host => host.Network(static packet => packet.Id += Is(packet, RndisMessageType.KeepAliveComplete) ? 1_000_000u : 0),
        ["NW-18"] = static host => host.Network(static packet =>
        {
            if (Is(packet, RndisMessageType.KeepAliveComplete)) Set(packet.Header, 12, 0);
        }),
        ["NW-19"] = static host => host.Network(static _ => { }, keepsBuffers: true),
        ["NW-21"] = static host => host.Network(static _ => { }, heedsFilter: false),
        ["NW-22"] = static host => host.Network(static packet => Reply(packet, RndisMessageType.KeepAliveComplete, static message => Set(message, 12, 0xC000_0001))),
    };

    private readonly FakeGuest _guest = new();
    private readonly List<IDisposable> _devices = [];
    private IHostOperator? _operator;

    public static TheoryData<string> Rules => [.. Ways.Keys];

    public void Dispose()
    {
        _guest.Dispose();
        foreach (IDisposable device in _devices) device.Dispose();
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Device_that_breaks_a_rule_is_found(string rule)
    {
        Ways[rule](this);
        using var transport = new BusTransport(_guest.Ports, _guest.Server, _guest.Memory);
        RuleResult result = Assert.Single(new ConformanceRun(transport, "broken") { Patience = Patience, Operator = _operator }.Run(id => id == rule).Results);
        Assert.Equal((rule, RuleVerdict.Fail), (result.Rule.Id, result.Verdict));
        Assert.NotEmpty(result.Evidence);
    }

    /// <summary>The devices of this class keep their rules as long as nobody tampers with them: what is found above is what was changed.</summary>
    [Theory]
    [MemberData(nameof(Rules))]
    public void Same_device_without_the_change_passes(string rule)
    {
        Memory(static message => [message]);
        Integration(static message => [message]);
        Network(static _ => { });
        using var transport = new BusTransport(_guest.Ports, _guest.Server, _guest.Memory);
        RuleResult result = Assert.Single(new ConformanceRun(transport, "sound") { Operator = _operator }.Run(id => id == rule).Results);
        Assert.Equal((rule, RuleVerdict.Pass, result.Evidence), (result.Rule.Id, result.Verdict, result.Evidence));
    }

    private void Memory(Func<byte[], byte[][]> edit, Func<OpenChannel, Taking>? take = null, bool speaksFirst = false)
    {
        var provider = new DynamicMemoryProvider(new WholeMemory(_guest.Memory), TimeProvider.System, NullLogger.Instance);
        _devices.Add(provider);
        _operator = new Acting(provider, (_operator as Acting)?.Link);
        _guest.Server.Offer(new TamperedDevice(provider.Offer, channel =>
        {
            if (speaksFirst) channel.Lane.Post(() => _ = channel.TrySend(PacketType.DataInband, [], Message(DynamicMemoryMessageType.BalloonRequest), 0));
            return new TamperedEndpoint(provider.Open(new TamperedMemoryChannel(channel, edit)), take?.Invoke(channel) ?? Soundly);
        }));
    }

    private void Integration(Func<byte[], byte[][]> edit, Taking? take = null)
    {
        foreach (IntegrationService service in new[] { IntegrationServices.Heartbeat, IntegrationServices.TimeSync })
        {
            var provider = new IntegrationProvider(service, TimeProvider.System, NullLogger.Instance);
            if (service == IntegrationServices.Heartbeat) _ = new HeartbeatService(provider);
            else _ = new TimeSyncService(provider, new HostClock());
            _guest.Server.Offer(new TamperedDevice(provider.Offer, channel => new TamperedEndpoint(provider.Open(new TamperedIntegrationChannel(channel, edit)), take ?? Soundly)));
        }
    }

    private void Network(Action<AdapterPacket> edit, bool keepsBuffers = false, bool heedsFilter = true)
    {
        var open = new OpenEndedLink();
        ILink link = heedsFilter ? open : new FilterlessLink(open);
        var provider = new NetworkProvider(link, Guid.NewGuid(), new NetworkOptions(Address) { MaximumQueues = 2 }, NullLogger.Instance);
        _devices.Add(link);
        _operator = new Acting((_operator as Acting)?.Memory, open);
        _guest.Server.Offer(new TamperedDevice(provider.Offer, channel => provider.Open(new TamperedNetworkChannel(channel, link, edit, keepsBuffers))));
    }

    private static void Change(AdapterPacket packet, NvspMessageType type, Action<AdapterPacket> change)
    {
        if (packet.Type == PacketType.Completion && packet.Payload.Length >= 8 && ReadUInt32LittleEndian(packet.Payload) == (uint)type) change(packet);
    }

    private static void Reply(AdapterPacket packet, RndisMessageType type, Action<byte[]> change)
    {
        if (Is(packet, type)) change(packet.Rndis);
    }

    private static bool Is(AdapterPacket packet, RndisMessageType type) => packet.Rndis.Length >= 16 && ReadUInt32LittleEndian(packet.Rndis) == (uint)type;

    private static void Set(byte[] bytes, int offset, uint value) => WriteUInt32LittleEndian(bytes.AsSpan(offset), value);

    private static byte[] Changed(byte[] bytes, int offset, byte value)
    {
        bytes[offset] = value;
        return bytes;
    }

    private static bool Is(byte[] message, DynamicMemoryMessageType type) => ReadUInt16LittleEndian(message) == (ushort)type;

    private static IntegrationMessageType TypeOf(byte[] message) => (IntegrationMessageType)ReadUInt16LittleEndian(message.AsSpan(12));

    private static byte[] Word(byte[] message, ulong value)
    {
        WriteUInt64LittleEndian(message.AsSpan(8), value);
        return message;
    }

    // One page further on than the pages that the guest gave.
    private static byte[] Shifted(byte[] message)
    {
        Span<byte> range = message.AsSpan(DynamicMemoryMessages.RangesOffset);
        PageRange pages = PageRange.Read(range);
        (pages with { FirstPage = pages.FirstPage + 1 }).Write(range);
        return message;
    }

    private static byte[] Message(DynamicMemoryMessageType type)
    {
        byte[] message = new byte[DynamicMemoryMessages.WordSize];
        DynamicMemoryMessages.WriteWord(message, type, 1, 1);
        return message;
    }

    private sealed class Acting(DynamicMemoryProvider? memory, OpenEndedLink? link) : IHostOperator
    {
        public DynamicMemoryProvider? Memory => memory;

        public OpenEndedLink? Link => link;

        public bool CanSetMemory => memory is not null;

        public bool CanDeliver => link is not null;

        public bool TrySetMemory(long bytes)
        {
            Task<DynamicMemoryInfo> setting = memory!.SetAsync(bytes);
            _ = setting.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return !setting.IsFaulted;
        }

        public bool TryDeliver(ReadOnlySpan<byte> frame) => link!.Deliver(frame);
    }
}
