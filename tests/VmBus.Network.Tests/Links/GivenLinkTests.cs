using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>TAPs whose queues one has opened and another uses, who cannot open them.</summary>
public sealed class GivenLinkTests
{
    private static readonly MacAddress GuestMac = Packets.Mac(2);

    [NetworkTheory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Frames_pass_by_queues_that_are_attached_when_they_are_used(LaneEngineKind engine) => NetworkNamespace.Run(() =>
    {
        LinkDescriptors open = OpenDescriptors("tap=t0", queues: 2);
        Assert.Equal(3, open.Files.Count);
        // The interface is there for others, and no queue takes anything yet.
        NetworkNamespace.Ip("addr add 10.9.0.1/24 dev t0");
        NetworkNamespace.Ip($"neigh add 10.9.0.2 lladdr {GuestMac} dev t0");
        using IGivenLink link = Use(open);
        Assert.True(link.IsUp);
        Assert.Equal(2, link.Traits.MaximumQueues);
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        for (int round = 0; round < 3; round++)
        {
            using var first = new Adapter(link, slots: 128, engine: engine);
            using var second = new Adapter(link, slots: 128, engine: engine);
            using (var third = new Adapter(link)) Assert.False(third.IsOpen);
            Send(100);
            Assert.True(SpinWait.SpinUntil(() => first.Frames.Count + second.Frames.Count >= 100, TimeSpan.FromSeconds(30)));
            Assert.Equal(100, first.Frames.Count + second.Frames.Count);
            Assert.NotEmpty(first.Frames);
            Assert.NotEmpty(second.Frames);
            Assert.True(first.Send(Packets.Plain(Packets.Mac(9), GuestMac, 1)));
        }
    });

    [NetworkFact]
    public void Queue_that_is_closed_leaves_its_flows_to_the_others() => NetworkNamespace.Run(() =>
    {
        using IGivenLink link = Use(OpenDescriptors("tap=t0", queues: 4));
        NetworkNamespace.Ip("addr add 10.9.0.1/24 dev t0");
        NetworkNamespace.Ip($"neigh add 10.9.0.2 lladdr {GuestMac} dev t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var kept = new Adapter(link, slots: 64);
        for (int round = 0; round < 3; round++)
        {
            using (new Adapter(link))
            {
            }
        }

        Send(40);
        kept.Wait(() => kept.Frames.Count == 40);
    });

    [NetworkFact]
    public void Tap_that_was_made_goes_with_its_user_and_one_of_the_operators_stays() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add single mode tap");
        NetworkNamespace.Ip("link set single up");
        using (Use(OpenDescriptors("tap=made"))) Assert.True(NetworkNamespace.Exists("made"));
        Assert.False(NetworkNamespace.Exists("made"));
        LinkDescriptors open = OpenDescriptors("tap=single", queues: 8);
        Assert.Single(open.Files);
        using (IGivenLink link = Use(open))
        {
            using var adapter = new Adapter(link);
            Assert.True(adapter.IsOpen);
            Assert.True(adapter.Send(Packets.Plain(Packets.Mac(9), GuestMac, 1)));
        }

        Assert.True(NetworkNamespace.Exists("single"));
    });

    [NetworkFact]
    public void Tap_that_goes_and_is_made_again_is_asked_for_and_renewed() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add t0 mode tap multi_queue");
        NetworkNamespace.Ip("link set t0 up");
        using var asked = new ManualResetEventSlim();
        using IGivenLink link = LinkFactory.Use(OpenDescriptors("tap=t0", queues: 2), asked.Set, NullLogger.Instance);
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var adapter = new Adapter(link, slots: 64);
        LinkStateTests.Use(link, () => NetworkNamespace.Ip("link del t0"), up: false);
        Assert.False(asked.IsSet);
        NetworkNamespace.Ip("tuntap add t0 mode tap multi_queue");
        NetworkNamespace.Ip("link set t0 up");
        NetworkNamespace.Ip("addr add 10.9.0.1/24 dev t0");
        NetworkNamespace.Ip($"neigh add 10.9.0.2 lladdr {GuestMac} dev t0");
        Assert.True(asked.Wait(TimeSpan.FromSeconds(30)));
        LinkStateTests.Use(link, () => link.Renew(OpenDescriptors("tap=t0", queues: 2)), up: true);
        // The queue has the new device before anything that is posted to its lane from now on.
        adapter.Lane.Invoke(static () => { });
        Send(10);
        adapter.Wait(() => adapter.Frames.Count == 10);
    });

    [NetworkFact]
    public void Bridge_that_is_made_anew_is_asked_for_and_joined_by_another_tap() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link add lan type bridge");
        NetworkNamespace.Ip("link set lan up");
        using var asked = new ManualResetEventSlim();
        using IGivenLink link = LinkFactory.Use(OpenDescriptors("bridge=lan"), asked.Set, NullLogger.Instance);
        Assert.True(link.IsUp);
        using var adapter = new Adapter(link);
        LinkStateTests.Use(link, () => NetworkNamespace.Ip("link del lan"), up: false);
        Assert.False(asked.IsSet);
        NetworkNamespace.Ip("link add lan type bridge");
        NetworkNamespace.Ip("link set lan up");
        Assert.True(asked.Wait(TimeSpan.FromSeconds(30)));
        LinkStateTests.Use(link, () => link.Renew(OpenDescriptors("bridge=lan")), up: true);
        Assert.Contains("master lan", NetworkNamespace.Show("link show vmbus1"), StringComparison.Ordinal);
        adapter.Lane.Invoke(static () => { });
        Assert.True(SpinWait.SpinUntil(() => !NetworkNamespace.Exists("vmbus0"), TimeSpan.FromSeconds(30)), "The old TAP is left.");
        Assert.True(adapter.Send(Packets.Plain(Packets.Mac(9), GuestMac, 1)));
    });

    [NetworkFact]
    public void Link_in_order_takes_no_other() => NetworkNamespace.Run(() =>
    {
        using IGivenLink link = Use(OpenDescriptors("tap=t0"));
        LinkDescriptors other = OpenDescriptors("tap=t1");
        link.Renew(other);
        Assert.False(NetworkNamespace.Exists("t1"));
        Assert.True(NetworkNamespace.Exists("t0"));
    });

    [NetworkFact]
    public void Queues_that_nobody_uses_are_closed() => NetworkNamespace.Run(() =>
    {
        OpenDescriptors("tap=t0", queues: 4).Dispose();
        Assert.False(NetworkNamespace.Exists("t0"));
    });

    private static LinkDescriptors OpenDescriptors(string text, int queues = 1) => LinkFactory.OpenDescriptors(NicOptions.Parse(text), queues);

    private static IGivenLink Use(LinkDescriptors open) => LinkFactory.Use(open, static () => { }, NullLogger.Instance);

    // Each by a flow of its own.
    private static void Send(int count)
    {
        for (int i = 0; i < count; i++)
        {
            using var socket = new UdpClient(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 0));
            socket.Send([1], new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7001));
        }
    }
}
