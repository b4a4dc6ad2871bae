using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Network.Links.Taps;
using VmBus.Network.Tests.Host;
using VmBus.Protocol.Virtio;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>Frames through TAPs and the host's own network stack, each test in a network namespace of its own.</summary>
public sealed class TapLinkTests
{
    private static readonly IPEndPoint Host = new(IPAddress.Parse("10.9.0.1"), 7000);
    private static readonly IPEndPoint Guest = new(IPAddress.Parse("10.9.0.2"), 7001);
    private static readonly MacAddress GuestMac = Packets.Mac(2);

    [NetworkTheory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Frame_without_checksum_reaches_a_socket_and_its_answer_comes_back(LaneEngineKind engine) => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0");
        MacAddress host = GiveAddress("t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var adapter = new Adapter(link, engine: engine);
        using var socket = new UdpClient(Host);
        socket.Client.ReceiveTimeout = 20_000;
        byte[] question = Bytes(777);

        byte[] frame = Packets.UdpFrame(host, GuestMac, Host, Guest, question, finished: false);
        Assert.True(adapter.Send(frame, Packets.Unfinished(tcp: false)));

        IPEndPoint? from = null;
        Assert.Equal(question, socket.Receive(ref from));
        Assert.Equal(Guest, from);
        byte[] answer = Bytes(999);
        socket.Send(answer, Guest);
        Received got = adapter.Take(_ => true);
        Assert.Equal(answer, got.Bytes[(Packets.Ethernet + Packets.Ip4 + Packets.Udp)..]);
        // No offload was asked for: the frame is finished.
        Assert.Equal(VirtioNetFlags.None, got.Header.Flags & VirtioNetFlags.NeedsChecksum);
        Assert.True(Packets.HasGoodChecksum(got.Bytes));
        LinkQueueCounters counters = adapter.Counters;
        Assert.Equal((1, frame.Length), (counters.FramesSent, counters.BytesSent));
        Assert.Equal((1, got.Bytes.Length), (counters.FramesReceived, counters.BytesReceived));
    });

    [NetworkFact]
    public void Received_frame_has_no_checksum_where_the_adapter_takes_that() => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0");
        GiveAddress("t0");
        link.SetReceiveOffloads(LinkOffloads.Checksum);
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var adapter = new Adapter(link);
        using var socket = new UdpClient(Host);
        socket.Send(Bytes(100), Guest);
        Received got = adapter.Take(_ => true);
        Assert.Equal(VirtioNetFlags.NeedsChecksum, got.Header.Flags & VirtioNetFlags.NeedsChecksum);
        Assert.Equal((34, 6), (got.Header.ChecksumStart, got.Header.ChecksumOffset));
        Assert.False(Packets.HasGoodChecksum(got.Bytes));
    });

    [NetworkFact]
    public void Long_tcp_frame_passes_two_taps_unsegmented() => NetworkNamespace.Run(() =>
    {
        const LinkOffloads All = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation;
        using var pair = new Pair(All);
        byte[] frame = Packets.TcpFrame(Packets.Mac(2), Packets.Mac(1), Guest, Host, Bytes(60_000));
        Assert.True(pair.First.Send(frame, Packets.Unfinished(tcp: true, segment: 1460)));
        Received got = pair.Second.Take(_ => true);
        Assert.Equal(frame, got.Bytes);
        Assert.Equal(VirtioNetSegmentation.Tcp4, got.Header.Segmentation);
        Assert.Equal(1460, got.Header.SegmentBytes);
        Assert.Equal(VirtioNetFlags.NeedsChecksum, got.Header.Flags);
    });

    [NetworkFact]
    public void Long_tcp_frame_is_cut_and_finished_for_an_adapter_without_offloads() => NetworkNamespace.Run(() =>
    {
        using var pair = new Pair(LinkOffloads.None);
        byte[] payload = Bytes(10_000);
        byte[] frame = Packets.TcpFrame(Packets.Mac(2), Packets.Mac(1), Guest, Host, payload);
        Assert.True(pair.First.Send(frame, Packets.Unfinished(tcp: true, segment: 1460)));
        pair.Second.Wait(() => pair.Second.Frames.Count == 7);
        Assert.All(pair.Second.Frames, segment => Assert.True(Packets.HasGoodChecksum(segment.Bytes)));
        Assert.Equal(payload, pair.Second.Frames.SelectMany(segment => segment.Bytes[(Packets.Ethernet + Packets.Ip4 + Packets.Tcp)..]));
    });

    [NetworkFact]
    public void Long_udp_frame_passes_unsegmented_where_the_kernel_can() => NetworkNamespace.Run(() =>
    {
        using var pair = new Pair(LinkOffloads.Checksum | LinkOffloads.UdpSegmentation);
        if ((pair.FirstLink.Traits.SendOffloads & LinkOffloads.UdpSegmentation) == 0) return;
        byte[] frame = Packets.UdpFrame(Packets.Mac(2), Packets.Mac(1), Guest, Host, Bytes(20_000), finished: false);
        Assert.True(pair.First.Send(frame, Packets.Unfinished(tcp: false, segment: 1400)));
        Assert.Equal(VirtioNetSegmentation.UdpSegmentation, pair.Second.Take(_ => true).Header.Segmentation);
    });

    [NetworkTheory]
    [InlineData(LaneEngineKind.IoUring, true)]
    [InlineData(LaneEngineKind.IoUring, false)]
    [InlineData(LaneEngineKind.Epoll, true)]
    public void Many_frames_arrive_in_order(LaneEngineKind engine, bool knowsNow) => NetworkNamespace.Run(() =>
    {
        using var pair = new Pair(LinkOffloads.None, engine, knowsNow);
        for (int i = 0; i < 200; i++) Assert.True(pair.First.Send(Packets.Plain(Packets.Mac(2), Packets.Mac(1), (byte)i)));
        pair.Second.Wait(() => pair.Second.Frames.Count == 200);
        Assert.Equal(Enumerable.Range(0, 200), pair.Second.Frames.Select(frame => (int)frame.Bytes[50]));
    });

    [NetworkFact]
    public void Flows_are_spread_over_the_queues_and_no_more_than_asked_for_are_open() => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0,queues=2");
        GiveAddress("t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var first = new Adapter(link, slots: 128);
        using var second = new Adapter(link, slots: 128);
        using (var third = new Adapter(link)) Assert.False(third.IsOpen);
        for (int i = 0; i < 100; i++)
        {
            using var socket = new UdpClient(new IPEndPoint(Host.Address, 0));
            socket.Send([1], Guest);
        }

        SpinWait.SpinUntil(() => first.Frames.Count + second.Frames.Count >= 100, TimeSpan.FromSeconds(30));
        Assert.Equal(100, first.Frames.Count + second.Frames.Count);
        Assert.NotEmpty(first.Frames);
        Assert.NotEmpty(second.Frames);
    });

    [NetworkFact]
    public void Queue_that_is_closed_leaves_its_flows_to_the_others() => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0");
        GiveAddress("t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var kept = new Adapter(link, slots: 64);
        for (int round = 0; round < 3; round++)
        {
            using (new Adapter(link))
            {
            }
        }

        for (int i = 0; i < 40; i++)
        {
            using var socket = new UdpClient(new IPEndPoint(Host.Address, 0));
            socket.Send([1], Guest);
        }

        kept.Wait(() => kept.Frames.Count == 40);
    });

    [NetworkFact]
    public void Frame_that_is_longer_than_the_buffer_is_dropped_and_counted() => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0");
        GiveAddress("t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var adapter = new Adapter(link, roomBytes: 1300);
        using var socket = new UdpClient(Host);
        const int Headers = Packets.Ethernet + Packets.Ip4 + Packets.Udp;
        // The first ones are judged in host memory, later ones go straight to the guest's: both know the length.
        for (int round = 0; round < 3; round++)
        {
            socket.Send(Bytes(1301 - Headers), Guest);
            socket.Send(Bytes(1300 - Headers), Guest);
            Assert.Equal(1300, adapter.Take(_ => true).Bytes.Length);
        }

        Assert.Equal(3, adapter.Counters.ReceiveTooLong);
    });

    [NetworkFact]
    public void Adapter_without_buffers_gets_the_frames_that_waited_once_it_has_some() => NetworkNamespace.Run(() =>
    {
        using ILink link = Open("tap=t0");
        GiveAddress("t0");
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed));
        using var adapter = new Adapter(link, slots: 4, starved: true);
        using var socket = new UdpClient(Host);
        // More than wait in the kernel: what does not fit is dropped, and nobody waits.
        for (int i = 0; i < 3000; i++) socket.Send(BitConverter.GetBytes(i), Guest);
        Assert.Empty(adapter.Frames);
        adapter.Feed();
        adapter.Wait(() => adapter.Frames.Count >= 400);
        long dropped = long.Parse(NetworkNamespace.Show("-s link show t0").Split('\n')[5].Split(' ', StringSplitOptions.RemoveEmptyEntries)[3]);
        Assert.InRange(dropped, 1, 3000 - 400);
    });

    [NetworkTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Steady_traffic_allocates_nothing(bool knowsNow) => NetworkNamespace.Run(() =>
    {
        using ILink first = Open("tap=a0");
        using ILink second = Open("tap=b0");
        Bridge("a0", "b0");
        if (!knowsNow) ((TapLink)first).KnowsNow = ((TapLink)second).KnowsNow = false;
        first.SetFilter(new FrameFilter(Packets.Mac(1), FrameKinds.Directed));
        second.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
        using var pump = new Pump(first, second);
        pump.Run(3000);
        long received = pump.Received;
        // The least of three, for the reason that Allocations gives.
        Assert.Equal(0, Enumerable.Range(0, 3).Min(_ => pump.Run(7000)));
        Assert.True(pump.Received > received);
    });

    internal static ILink Open(string text) => LinkFactory.Open(NicOptions.Parse(text), NullLogger.Instance);

    internal static void Bridge(params string[] ports)
    {
        // A bridge that listens to groups joins one itself.
        NetworkNamespace.Ip("link add br0 type bridge mcast_snooping 0");
        NetworkNamespace.Ip("link set br0 up");
        foreach (string port in ports) NetworkNamespace.Ip($"link set {port} master br0");
    }

    private static MacAddress GiveAddress(string device)
    {
        NetworkNamespace.Ip($"addr add {Host.Address}/24 dev {device}");
        NetworkNamespace.Ip($"neigh add {Guest.Address} lladdr {GuestMac} dev {device}");
        string[] words = NetworkNamespace.Show($"link show {device}").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return Packets.Mac(words[Array.IndexOf(words, "link/ether") + 1]);
    }

    private static byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    // Two TAPs on one bridge; the second one's adapter takes the offloads.
    private sealed class Pair : IDisposable
    {
        private readonly ILink _secondLink;

        internal Pair(LinkOffloads offloads, LaneEngineKind engine = LaneEngineKind.Automatic, bool knowsNow = true)
        {
            FirstLink = Open("tap=a0");
            _secondLink = Open("tap=b0");
            // As on a kernel before 6.4.
            if (!knowsNow) ((TapLink)FirstLink).KnowsNow = ((TapLink)_secondLink).KnowsNow = false;
            Bridge("a0", "b0");
            FirstLink.SetFilter(new FrameFilter(Packets.Mac(1), FrameKinds.Directed));
            _secondLink.SetFilter(new FrameFilter(Packets.Mac(2), FrameKinds.Directed));
            _secondLink.SetReceiveOffloads(offloads);
            First = new Adapter(FirstLink, engine: engine);
            Second = new Adapter(_secondLink, engine: engine);
        }

        internal ILink FirstLink { get; }

        internal Adapter First { get; }

        internal Adapter Second { get; }

        public void Dispose()
        {
            First.Dispose();
            Second.Dispose();
            FirstLink.Dispose();
            _secondLink.Dispose();
        }
    }
}
