using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Bus;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Client.Tests.Channels;

/// <summary>The client and the real bus, with real lanes and rings, in one process.</summary>
public sealed class VmBusClientTests : IDisposable
{
    private const int PagesPerRing = 5;

    private readonly FakeGuest _guest = new(memoryBytes: 40 << 20, maximumVersion: ProtocolVersion.V6_0);
    private readonly EchoDevice _echo = new();

    private VmBusClient Client => _guest.Client;

    public static TheoryData<uint> Versions => [.. ProtocolVersion.All.Where(version => version.IsServed).Select(version => version.Value)];

    public void Dispose() => _guest.Dispose();

    [Theory]
    [MemberData(nameof(Versions))]
    public void Every_version_that_the_bus_serves_carries_a_whole_connection(uint value)
    {
        var version = new ProtocolVersion(value);
        _guest.Server.Offer(_echo);
        Assert.Equal(ClientStatus.Ok, Client.Connect(version, FeatureFlags.Served));
        Assert.Equal(version, Client.Version);
        Assert.Equal(version, _guest.Server.Version);
        Assert.Equal(version >= ProtocolVersion.V6_0 ? FeatureFlags.Served : FeatureFlags.None, Client.Features);
        Assert.Equal(ClientStatus.Ok, Client.RequestOffers());
        ClientChannel channel = Open(Assert.Single(Client.Offers), processor: 1);
        Echo(channel, 1);
        Assert.Equal(version >= ProtocolVersion.V4_1 ? ClientStatus.Ok : ClientStatus.BadState, Client.Retarget(channel, 3));
        // Asked for before the packet goes: a guest that looks at its ring by itself may need no interrupt.
        Assert.False(channel.Rings.Reader.UnmaskInterrupts());
        Send(channel, 2);
        // Before 5.3 the move has no answer, and the packet may overtake it.
        if (version >= ProtocolVersion.V5_3) Assert.True(_guest.Ports.TakeInterrupt(3, channel.Id, FakeGuest.Patience));
        Receive(channel, 2);
        Assert.Equal(ClientStatus.Ok, Client.Close(channel));
        Assert.Equal(ClientStatus.Ok, Client.Unload());
        Assert.Null(_guest.Server.Version);
        Assert.Equal(0, Client.Violations);
    }

    [Fact]
    public void Versions_are_proposed_until_one_is_taken()
    {
        using var old = new FakeGuest(maximumVersion: ProtocolVersion.V4_0);
        Assert.Equal(ClientStatus.Ok, old.Client.Connect(ProtocolVersion.All.Reverse()));
        Assert.Equal(ProtocolVersion.V4_0, old.Client.Version);
    }

    [Fact]
    public void Version_that_the_bus_does_not_serve_is_refused()
    {
        Assert.Equal(ClientStatus.Refused, Client.Connect(ProtocolVersion.V1_1));
        Assert.Equal(ClientStatus.Refused, Client.Connect([ProtocolVersion.V1_1, ProtocolVersion.V0_13]));
        Assert.Null(Client.Version);
        Assert.Equal(ClientStatus.BadState, Client.RequestOffers());
        Assert.Equal(0, Client.Violations);
    }

    [Fact]
    public void Rows_of_the_own_client_in_the_spec_are_what_it_is_told()
    {
        SpecTable table = SpecPage.Load("README.md").Table("versions");
        int[] rows = [.. Enumerable.Range(0, table.RowCount).Where(row => table.Cell(row, "capped by") == "own client")];
        Assert.Equal(["0.13", "1.1", "6.0"], rows.Select(row => table.Cell(row, "VMBus")));
        foreach (int row in rows)
        {
            ProtocolVersion version = ProtocolVersion.All.Single(version => version.ToString() == table.Cell(row, "VMBus"));
            ClientStatus status = Client.Connect(version, FeatureFlags.Served);
            string told = status == ClientStatus.Refused ? "refused" : Client.Features != FeatureFlags.None ? "agreed, with features" : "agreed";
            Assert.Equal(table.Cell(row, "6.1, 1 processor"), told);
        }
    }

    [Fact]
    public void Memory_of_many_pages_is_described_and_taken_back()
    {
        OfferChannel offer = Connect();
        Assert.True(Client.Pages.TryTake(8190, out PageRun pages));
        Assert.Equal(ClientStatus.Ok, Client.TryCreateGpadl(offer.ChannelId, [pages], out uint id));
        Assert.Equal(ClientStatus.Ok, Client.TearDownGpadl(offer.ChannelId, id));
        Assert.Equal(ClientStatus.Refused, Client.TryCreateGpadl(offer.ChannelId, [new PageRun(1 << 30, 1)], out _));
        Assert.Equal(NtStatus.InvalidParameter, Client.HostStatus);
        Assert.Equal(ClientStatus.BadState, Client.TryCreateGpadl(99, [pages], out _));
    }

    [Fact]
    public void Channel_that_is_opened_and_closed_for_ever_uses_the_same_memory()
    {
        OfferChannel offer = Connect();
        PageRun? first = null;
        for (ulong i = 1; i <= 50; i++)
        {
            ClientChannel channel = Open(offer);
            first ??= channel.Pages;
            Assert.Equal(first, channel.Pages);
            Echo(channel, i);
            Assert.Equal(ClientStatus.Ok, Client.Close(channel));
            Assert.Equal(ClientStatus.BadState, Client.Close(channel));
        }

        Assert.Equal(50, _echo.Opens);
    }

    [Fact]
    public void Open_that_the_device_refuses_leaves_nothing_behind()
    {
        OfferChannel offer = Connect();
        _echo.Refuses = true;
        Assert.Equal(ClientStatus.Refused, Client.TryOpen(offer, PagesPerRing, 0, out ClientChannel? channel));
        Assert.Null(channel);
        Assert.Equal(NtStatus.Unexpected, Client.HostStatus);
        _echo.Refuses = false;
        Echo(Open(offer), 1);
    }

    [Fact]
    public void Device_that_is_removed_is_rescinded_and_another_may_take_its_place()
    {
        OfferChannel offer = Connect();
        ClientChannel channel = Open(offer);
        _guest.Server.Remove(_echo);
        Assert.True(Client.Pump(FakeGuest.Patience));
        Assert.True(channel.IsRescinded);
        Assert.Empty(Client.Offers);
        Assert.Equal([offer.ChannelId], Client.RescindedChannels);
        Assert.Equal(ClientStatus.Rescinded, Client.TryOpen(offer, PagesPerRing, 0, out _));
        Assert.Equal(ClientStatus.Ok, Client.Close(channel));
        Assert.Equal(ClientStatus.Ok, Client.Release(offer.ChannelId));
        Assert.Equal(ClientStatus.BadState, Client.Release(offer.ChannelId));

        var next = new EchoDevice();
        _guest.Server.Offer(next);
        Assert.Equal(ClientStatus.Ok, Client.TryTakeOffer(FakeGuest.Patience, out OfferChannel again));
        Assert.Equal(next.Offer.InterfaceInstance, again.InterfaceInstance);
        Echo(Open(again), 1);
        Assert.Equal(0, Client.Violations);
    }

    [Fact]
    public void Contact_again_without_unload_begins_anew()
    {
        OfferChannel offer = Connect();
        _ = Open(offer);
        Assert.Equal(ClientStatus.Ok, Client.Connect(ProtocolVersion.V5_0));
        Assert.Empty(Client.Offers);
        Assert.Equal(ClientStatus.Ok, Client.RequestOffers());
        Echo(Open(Assert.Single(Client.Offers)), 1);
    }

    [Fact]
    public void Packets_flow_while_both_sides_wait_and_neither_misses_a_signal()
    {
        const int Packets = 20_000;
        ClientChannel channel = Open(Connect());
        byte[] payload = new byte[40];
        int sent = 0;
        for (int received = 0; received < Packets;)
        {
            while (sent < Packets && channel.TrySend(PacketType.DataInband, default, payload, (ulong)sent + 1, PacketDescriptor.CompletionRequested) == RingStatus.Ok)
                sent++;
            channel.Flush();
            while (channel.TryReceive(out RingPacket packet) == RingStatus.Ok) Assert.Equal((ulong)++received, packet.Descriptor.TransactionId);
            channel.Release();
            if (received < sent) Assert.True(channel.Wait(FakeGuest.Patience), $"The host stopped after {received} of {sent}.");
        }
    }

    private OfferChannel Connect()
    {
        _guest.Server.Offer(_echo);
        Assert.Equal(ClientStatus.Ok, Client.Connect(ProtocolVersion.V5_3));
        Assert.Equal(ClientStatus.Ok, Client.RequestOffers());
        Assert.Equal(ClientStatus.Ok, Client.TryTakeOffer(TimeSpan.Zero, out OfferChannel offer));
        return offer;
    }

    private ClientChannel Open(OfferChannel offer, uint processor = 0)
    {
        Assert.Equal(ClientStatus.Ok, Client.TryOpen(offer, PagesPerRing, processor, out ClientChannel? channel));
        Assert.Equal(ClientChannelState.Open, channel!.State);
        return channel;
    }

    private static void Echo(ClientChannel channel, ulong id)
    {
        Send(channel, id);
        Receive(channel, id);
    }

    private static byte[] Payload(ulong id) => BitConverter.GetBytes(id * 77);

    private static void Send(ClientChannel channel, ulong id)
    {
        Assert.Equal(RingStatus.Ok, channel.TrySend(PacketType.DataInband, default, Payload(id), id, PacketDescriptor.CompletionRequested));
        channel.Flush();
    }

    private static void Receive(ClientChannel channel, ulong id)
    {
        RingPacket packet;
        while (channel.TryReceive(out packet) == RingStatus.Empty) Assert.True(channel.Wait(FakeGuest.Patience), "The host did not answer.");
        Assert.Equal((PacketType.Completion, id), (packet.Descriptor.Type, packet.Descriptor.TransactionId));
        Assert.Equal(Payload(id), packet.Payload.ToArray());
        channel.Release();
    }
}
