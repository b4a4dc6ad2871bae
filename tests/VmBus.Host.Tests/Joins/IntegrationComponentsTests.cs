using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Host.Devices;
using VmBus.Host.Integration;
using VmBus.Host.Joins;
using VmBus.Network.Links;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Rings;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Host.Tests.Joins;

/// <summary>The six services on a real bus with real lanes and rings, and what joins them: the order of verbs, the adapters' names.</summary>
public sealed class IntegrationComponentsTests : IGuestClock, IDisposable
{
    private readonly FakeGuest _guest = new();
    private readonly NetworkAdapters _adapters;
    private readonly IntegrationComponents _services;
    private readonly IReadOnlyList<OfferChannel> _offers;

    public IntegrationComponentsTests()
    {
        _adapters = new NetworkAdapters("test", processorCount: 1, OpenLink, capture: null, NullLogger.Instance);
        _services = new IntegrationComponents("test", this, _adapters, HostDevices.Instance, NullLogger.Instance);
        _services.OfferOn(_guest.Server.Offer);
        _offers = _guest.Connect();
    }

    public void Dispose()
    {
        _services.Dispose();
        _guest.Dispose();
        _adapters.Dispose();
    }

    bool IGuestClock.TryRead(out DateTime utc, out ulong reference)
    {
        (utc, reference) = (DateTime.UtcNow, 1);
        return true;
    }

    [Fact]
    public void All_six_are_offered_as_message_pipes_under_the_instances_that_guests_know()
    {
        Assert.Equal(
            IntegrationServices.All.Select(static service => (service.InterfaceType, service.Instance)),
            _offers.Select(static offer => (offer.InterfaceType, offer.InterfaceInstance)));
        Assert.All(_offers, static offer => Assert.Equal((OfferFlags)0x0011, offer.Flags));
        Assert.All(_offers, static offer => Assert.Equal(4u, ReadUInt32LittleEndian(offer.UserDefined.Span)));
        Assert.All(_services.Services, static info => Assert.Equal((IntegrationContact.NoDriver, null), (info.Contact, info.Version)));
    }

    [Fact]
    public void Guest_that_opens_the_heartbeat_is_alive_until_it_closes_it()
    {
        GuestChannel channel = Open(IntegrationServices.Heartbeat);
        Answer(channel, static body => body[0]++);
        SpinUntil(() => _services.Heartbeat.State == HeartbeatState.Ok);
        Assert.Equal(new IntegrationVersion(3, 0), _services.Services[0].Version);
        _guest.Close(channel);
        SpinUntil(() => _services.Heartbeat.State == HeartbeatState.NoContact);
        Assert.Equal(IntegrationContact.NoDriver, _services.Services[0].Contact);
    }

    [Fact]
    public async Task Reset_fails_what_was_asked_and_frees_what_was_frozen()
    {
        GuestChannel backup = Open(IntegrationServices.Backup);
        await FreezeAsync(backup);
        Task thaw = _services.ThawAsync();
        _ = backup.Receive();
        _guest.Server.Reset();
        _services.Reset();
        Assert.Equal(IntegrationProblem.Closed, (await Assert.ThrowsAsync<IntegrationException>(() => thaw)).Problem);
        Assert.False(_services.MayBeFrozen);
    }

    [Fact]
    public async Task Shutdown_thaws_what_is_frozen_first()
    {
        GuestChannel backup = Open(IntegrationServices.Backup);
        GuestChannel shutdown = Open(IntegrationServices.Shutdown);
        await FreezeAsync(backup);
        Task asked = _services.ShutdownAsync(GuestShutdown.PowerOff, force: false);
        Answer(backup, static body => Assert.Equal((byte)BackupOperation.Thaw, body[0]));
        Answer(shutdown, static _ => { });
        await asked.WaitAsync(FakeGuest.Patience);
        Assert.False(_services.MayBeFrozen);
    }

    [Fact]
    public async Task Addresses_are_asked_for_by_the_adapters_own_and_set_by_its_instance()
    {
        GuestChannel channel = Open(IntegrationServices.KeyValueExchange, new IntegrationVersion(4, 0));
        for (int i = 0; i < 7; i++) Answer(channel, static body => Assert.Equal((byte)KvpPool.AutoExternal, body[1]));
        NicInfo nic = _adapters.Add(NicOptions.Parse("tap=a,id=lan"));
        Task<IReadOnlyList<GuestAddresses>> read = _services.ReadAddressesAsync();
        Answer(channel, body => Assert.Equal(nic.Address.ToString().ToUpperInvariant(), WideText.Read(body.AsSpan(2, 256))));
        Assert.Equal("lan", Assert.Single(await read.WaitAsync(FakeGuest.Patience)).Nic.Id);
        Task set = _services.SetAddressesAsync("lan", KvpAddresses.Of("") with { Dhcp = true });
        Answer(channel, body => Assert.Equal(_adapters.InstanceOf("lan").ToString("B"), WideText.Read(body.AsSpan(2, 256))));
        await set.WaitAsync(FakeGuest.Patience);
        await Assert.ThrowsAsync<IOException>(() => _services.SetAddressesAsync("wan", KvpAddresses.Of("")));
    }

    private static ScriptedLink OpenLink(NicOptions options) => new(options.Name);

    private static void SpinUntil(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, FakeGuest.Patience));

    // Answers in the buffer of the request, as Linux does.
    private static void Answer(GuestChannel channel, Action<byte[]> serve)
    {
        ReceivedPacket request = channel.Receive();
        byte[] body = request.Payload[IntegrationHeader.Size..];
        serve(body);
        body.CopyTo(request.Payload, IntegrationHeader.Size);
        request.Payload[25] = 5;
        channel.Send(PacketType.DataInband, [], request.Payload, request.Descriptor.TransactionId, flags: 0);
    }

    private GuestChannel Open(IntegrationService service, IntegrationVersion? chosen = null)
    {
        GuestChannel channel = _guest.Open(_offers.Single(offer => offer.InterfaceInstance == service.Instance), pagesPerRing: 4);
        Answer(channel, body =>
        {
            body[0] = body[2] = 1;
            new IntegrationVersion(3, 0).Write(body.AsSpan(8));
            (chosen ?? service.Versions[^1]).Write(body.AsSpan(12));
        });
        SpinUntil(() => _services.Services.Single(info => info.Service == service).Contact == IntegrationContact.Ready);
        return channel;
    }

    private async Task FreezeAsync(GuestChannel backup)
    {
        Task freeze = _services.FreezeAsync(TimeSpan.FromMinutes(10));
        for (int step = 0; step < 3; step++) Answer(backup, static _ => { });
        await freeze.WaitAsync(FakeGuest.Patience);
        Assert.True(_services.MayBeFrozen);
    }
}
