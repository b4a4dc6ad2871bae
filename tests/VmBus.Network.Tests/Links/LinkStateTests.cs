using System.Globalization;
using VmBus.Network.Links;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>Interfaces that are missing, go, come back and change.</summary>
public sealed class LinkStateTests
{
    [NetworkFact]
    public void Made_tap_goes_with_the_link_and_an_operators_stays() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add own mode tap multi_queue");
        using (TapLinkTests.Open("tap=made"))
        using (TapLinkTests.Open("tap=own"))
        {
            Assert.True(NetworkNamespace.Exists("made"));
            Assert.Contains(",UP", NetworkNamespace.Show("link show made"), StringComparison.Ordinal);
        }

        Assert.False(NetworkNamespace.Exists("made"));
        Assert.True(NetworkNamespace.Exists("own"));
    });

    [NetworkFact]
    public void Operators_tap_with_one_queue_is_used_with_one() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add own mode tap");
        using ILink peer = TapLinkTests.Open("tap=a0");
        using ILink link = TapLinkTests.Open("tap=own");
        TapLinkTests.Bridge("a0", "own");
        Assert.Equal(1, link.Traits.MaximumQueues);
        Assert.False(link.IsUp);
        Use(link, () => NetworkNamespace.Ip("link set own up"), up: true);
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
        using var from = new Adapter(peer);
        for (byte round = 1; round < 3; round++)
        {
            using var to = new Adapter(link);
            Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), round)));
            Assert.Equal(round, to.Take(_ => true).Bytes[50]);
        }
    });

    [NetworkFact]
    public void Tap_that_goes_and_comes_back_carries_frames_again() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add b0 mode tap multi_queue");
        NetworkNamespace.Ip("link set b0 up");
        using ILink peer = TapLinkTests.Open("tap=a0");
        using ILink link = TapLinkTests.Open("tap=b0");
        TapLinkTests.Bridge("a0", "b0");
        peer.SetFilter(new FrameFilter(Packets.Mac(1), FrameKinds.Directed));
        link.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
        using var from = new Adapter(peer);
        using var to = new Adapter(link);
        Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), 1)));
        Assert.Equal(1, to.Take(_ => true).Bytes[50]);
        for (byte round = 2; round < 5; round++)
        {
            Use(link, () => NetworkNamespace.Ip("link del b0"), up: false);
            Assert.False(to.Send(Packets.Plain(Packets.Mac(1), Packets.Mac(2), 9)));
            NetworkNamespace.Ip("tuntap add b0 mode tap multi_queue");
            NetworkNamespace.Ip("link set b0 master br0");
            Use(link, () => NetworkNamespace.Ip("link set b0 up"), up: true);
            // The bridge notices a moment later that its port has a carrier.
            bool forwards = SpinWait.SpinUntil(
                () => NetworkNamespace.Show("-d link show b0").Contains("state forwarding", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
            Assert.True(forwards);
            Assert.True(to.Send(Packets.Plain(Packets.Mac(1), Packets.Mac(2), round)));
            Assert.Equal(round, from.Take(_ => true).Bytes[50]);
            Assert.True(from.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), round)));
            Assert.Equal(round, to.Take(_ => true).Bytes[50]);
        }

        Assert.Equal(3, to.Counters.SendFailed);
    });

    [NetworkFact]
    public void Tap_that_is_taken_down_is_down_and_drops_are_counted() => NetworkNamespace.Run(() =>
    {
        using ILink link = TapLinkTests.Open("tap=t0");
        using var adapter = new Adapter(link);
        Use(link, () => NetworkNamespace.Ip("link set t0 down"), up: false);
        Assert.False(adapter.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), 1)));
        Assert.Equal(1, adapter.Counters.SendFailed);
        Use(link, () => NetworkNamespace.Ip("link set t0 up"), up: true);
        Assert.True(adapter.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), 1)));
    });

    [NetworkFact]
    public void Bridge_gets_a_tap_of_its_mtu_and_loses_it_with_the_link() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link add lan type bridge");
        NetworkNamespace.Ip("link set lan mtu 4000 up");
        using (ILink link = TapLinkTests.Open("bridge=lan"))
        {
            Assert.True(link.IsUp);
            Assert.Equal("bridge=lan", link.Name);
            Assert.Equal(4014, link.Traits.MaximumFrameBytes);
            string port = NetworkNamespace.Show("link show vmbus0");
            Assert.Contains("master lan", port, StringComparison.Ordinal);
            Assert.Contains("mtu 4000", port, StringComparison.Ordinal);
            using ILink second = TapLinkTests.Open("bridge=lan");
            Assert.True(NetworkNamespace.Exists("vmbus1"));
        }

        Assert.False(NetworkNamespace.Exists("vmbus0"));
    });

    [NetworkFact]
    public void Bridge_that_goes_and_comes_back_has_its_port_again() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link add lan type bridge");
        NetworkNamespace.Ip("link set lan up");
        using ILink link = TapLinkTests.Open("bridge=lan");
        Use(link, () => NetworkNamespace.Ip("link del lan"), up: false);
        NetworkNamespace.Ip("link add lan type bridge");
        Use(link, () => NetworkNamespace.Ip("link set lan up"), up: true);
        Assert.Contains("master lan", NetworkNamespace.Show("link show vmbus0"), StringComparison.Ordinal);
        // Whoever takes the port out means it.
        Use(link, () => NetworkNamespace.Ip("link set vmbus0 nomaster"), up: false);
        Use(link, () => NetworkNamespace.Ip("link set vmbus0 master lan"), up: true);
    });

    [NetworkFact]
    public void What_cannot_be_used_is_refused_in_one_line() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add busy mode tap");
        using ILink first = TapLinkTests.Open("tap=busy");
        Refused("tap=busy", LinkProblem.Busy, "in use by another process");
        Refused("tap=lo", LinkProblem.WrongKind, "no TAP");
        NetworkNamespace.Ip("tuntap add tunnel mode tun");
        Refused("tap=tunnel", LinkProblem.WrongKind, "no TAP");
        Refused("bridge=br9", LinkProblem.NotFound, "ip link add br9 type bridge");
        Refused("bridge=lo", LinkProblem.WrongKind, "no bridge");
        Assert.False(NetworkNamespace.Exists("vmbus0"));
    });

    private static void Refused(string text, LinkProblem problem, string words)
    {
        LinkException refused = Assert.Throws<LinkException>(() => TapLinkTests.Open(text));
        Assert.Equal(problem, refused.Problem);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    // Does something and waits until the link says what follows from it.
    internal static void Use(ILink link, Action change, bool up)
    {
        // Nothing to dispose: the event may still be under way when this returns.
        object gate = new();
        void Note()
        {
            lock (gate) Monitor.PulseAll(gate);
        }

        link.Changed += Note;
        change();
        lock (gate)
        {
            while (link.IsUp != up) Assert.True(Monitor.Wait(gate, TimeSpan.FromSeconds(30)), string.Create(CultureInfo.InvariantCulture, $"Not {up} in time."));
        }

        link.Changed -= Note;
    }
}
