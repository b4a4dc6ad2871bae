using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client;
using VmBus.Client.Network;
using VmBus.Host.Joins;
using VmBus.Network.Links;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Network;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Host.Tests.Joins;

/// <summary>Network adapters come and go under a guest's channels: in the right order, with stable names, and what cannot be done says why in one line.</summary>
public sealed class NetworkAdaptersTests : IDisposable
{
    private readonly Dictionary<string, ScriptedLink> _links = [];
    private readonly FakeGuest _guest = new();
    private readonly NetworkAdapters _adapters;
    private Func<NicOptions, ILink>? _refuse;

    public NetworkAdaptersTests()
    {
        _adapters = new NetworkAdapters("test", processorCount: 2, OpenLink, capture: null, NullLogger.Instance);
    }

    [Fact]
    public void Adapters_get_the_first_free_names_and_keep_their_addresses()
    {
        NicInfo first = Add("tap=a");
        NicInfo second = Add("tap=b,id=lan,mac=02:00:00:00:00:07");
        Assert.Equal(("nic0", "tap=a", NicState.Attached, true), (first.Id, first.Link, first.State, first.IsUp));
        Assert.Equal(("lan", "02:00:00:00:00:07"), (second.Id, second.Address.ToString()));
        Assert.Equal("nic1", Add("tap=c").Id);
        Assert.NotEqual(first.Address, _adapters.Adapters[2].Address);
        Assert.Equal(["nic0", "lan", "nic1"], _adapters.Adapters.Select(nic => nic.Id));
    }

    [Fact]
    public void Adapters_are_offered_when_the_bus_is_there_and_later_ones_at_once()
    {
        Add("tap=a");
        _adapters.OfferOn(_guest.Server);
        OfferChannel offer = Assert.Single(_guest.Connect());
        Assert.Equal(NetworkInterface.Synthetic, offer.InterfaceType);
        Add("tap=b");
        Assert.NotEqual(offer.InterfaceInstance, _guest.TakeOffer().InterfaceInstance);
    }

    [Fact]
    public async Task Removed_adapter_closes_its_channels_then_hears_no_more_of_its_link_then_closes_it()
    {
        Add("tap=a");
        _adapters.OfferOn(_guest.Server);
        OfferChannel offer = Configure(Assert.Single(_guest.Connect()));
        ScriptedLink link = _links["a"];
        Assert.Equal(new LinkQueueCounters(1, 2, 3, 4, 5, 6, 7, 8), Assert.Single(_adapters.Adapters[0].Queues).Link);

        Task removal = _adapters.RemoveAsync("nic0");
        Assert.True(link.Queue!.WaitUntilStopping(FakeGuest.Patience));
        // Frames are still on their way: nothing is taken down, and the guest is not told yet.
        Assert.Same(removal, _adapters.RemoveAsync("nic0"));
        Assert.False(removal.IsCompleted);
        Assert.Equal(NicState.Removing, Assert.Single(_adapters.Adapters).State);
        Assert.Equal(["heard", "queue opened", "queue told to stop"], link.Said);
        AssertRefused(() => Add("tap=b,id=nic0"), "'nic0'", "until its removal has ended");

        link.Queue.FinishStop();
        await removal.WaitAsync(FakeGuest.Patience);
        Assert.Equal(["heard", "queue opened", "queue told to stop", "queue ended", "unheard", "closed"], link.Said);
        Assert.Equal(offer.ChannelId, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.Empty(_guest.Ports.Bound);
        Assert.Empty(_adapters.Adapters);
    }

    [Fact]
    public async Task Adapter_that_was_removed_comes_back_as_the_same_one_when_the_guest_has_let_go()
    {
        Add("tap=a");
        _adapters.OfferOn(_guest.Server);
        OfferChannel offer = Assert.Single(_guest.Connect());
        string address = _adapters.Adapters[0].Address.ToString();
        await _adapters.RemoveAsync("nic0").WaitAsync(FakeGuest.Patience);
        Assert.Equal(address, Add("tap=a").Address.ToString());
        Assert.Equal(offer.ChannelId, _guest.Expect<RescindChannelOffer>().ChannelId);
        _guest.Post(new RelIdReleased(offer.ChannelId));
        OfferChannel again = _guest.TakeOffer();
        Assert.Equal(offer.InterfaceInstance, again.InterfaceInstance);
        _ = Configure(again);
        Assert.Equal("queue opened", _links["a"].Said[^1]);
        Finish("a");
    }

    [Fact]
    public void Names_are_unique_and_eight_are_all()
    {
        Add("tap=a,id=lan");
        AssertRefused(() => Add("tap=b,id=lan"), "'lan'", ",id=");
        Assert.DoesNotContain("b", _links.Keys);
        for (int i = 1; i < NetworkAdapters.MaximumCount; i++) Add($"tap=x{i}");
        AssertRefused(() => Add("tap=more"), "tap=more", "8 network adapters");
    }

    [Fact]
    public void Link_that_cannot_be_opened_leaves_nothing_behind()
    {
        _refuse = _ => throw new LinkException(LinkProblem.NotFound, "There is no bridge 'x': make one.");
        AssertRefused(() => Add("bridge=x"), "'x'", "make one");
        Assert.Empty(_adapters.Adapters);
        _refuse = null;
        Assert.Equal("nic0", Add("tap=a").Id);
    }

    [Fact]
    public void Unknown_adapter_is_told_with_the_known_ones()
    {
        AssertRefused(() => _ = _adapters.RemoveAsync("x"), "'x'", "there is none");
        Add("tap=a");
        Add("tap=b,id=lan");
        AssertRefused(() => _ = _adapters.RemoveAsync("x"), "'x'", "nic0, lan");
    }

    [Fact]
    public void Nothing_comes_or_goes_after_the_end_and_a_link_that_opened_meanwhile_is_closed()
    {
        Add("tap=a");
        _refuse = nic =>
        {
            _adapters.End();
            return _links["late"] = new ScriptedLink(nic.Name);
        };
        AssertRefused(() => Add("tap=late"), "ended", "ended");
        Assert.Equal("closed", _links["late"].Said[^1]);
        AssertRefused(() => Add("tap=b"), "ended", "ended");
        AssertRefused(() => _ = _adapters.RemoveAsync("nic0"), "ended", "ended");
        _adapters.Dispose();
        Assert.Equal(["heard", "unheard", "closed"], _links["a"].Said);
    }

    [Fact]
    public void End_waits_for_the_adapters_that_go()
    {
        Add("tap=a");
        _adapters.OfferOn(_guest.Server);
        _ = Configure(Assert.Single(_guest.Connect()));
        _ = _adapters.RemoveAsync("nic0");
        Finish("a");
        _adapters.End();
        Assert.Equal("closed", _links["a"].Said[^1]);
    }

    public void Dispose()
    {
        _adapters.End();
        _guest.Dispose();
        _adapters.Dispose();
    }

    private static void AssertRefused(Action action, string value, string cure)
    {
        IOException refusal = Assert.ThrowsAny<IOException>(action);
        Assert.Contains(value, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(cure, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private ILink OpenLink(NicOptions options)
        => _refuse?.Invoke(options) ?? (_links[options.Target] = new ScriptedLink(options.Name));

    private NicInfo Add(string text) => _adapters.Add(NicOptions.Parse(text));

    // Lets the link's queue stop as soon as it is told to, from another thread, as lanes do.
    private void Finish(string name)
    {
        ScriptedQueue queue = _links[name].Queue!;
        ThreadPool.QueueUserWorkItem(_ =>
        {
            if (queue.WaitUntilStopping(FakeGuest.Patience)) queue.FinishStop();
        });
    }

    // Versions and a receive buffer: as much as it takes to have frames.
    private OfferChannel Configure(OfferChannel offer)
    {
        var adapter = new NetvscClient(_guest.Client, offer);
        Assert.Equal(ClientStatus.Ok, adapter.OpenPrimary());
        Assert.Equal(ClientStatus.Ok, adapter.Negotiate());
        Assert.Equal(ClientStatus.Ok, adapter.GiveReceiveBuffer());
        return offer;
    }
}
