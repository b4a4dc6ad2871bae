using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client.Network;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Channel;
using VmBus.Providers.Network;
using VmBus.TestKit;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Network;
using Xunit;

namespace VmBus.Client.Tests.Network;

/// <summary>Two adapters of one guest whose TAPs are ports of the same bridge: from driver to driver everything is the real thing.</summary>
public sealed class NetvscTapTests
{
    private const uint UsualFilter = 0x0D;
    private const int Window = 64;
    private const int FrameBytes = 600;
    private const int ProbeBytes = 99;

    [NetworkFact]
    public void Frames_cross_a_bridge_in_order_and_the_lane_allocates_nothing_for_them() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link add loop type bridge");
        NetworkNamespace.Ip("link set loop up");
        using ILink firstLink = LinkFactory.Open(NicOptions.Parse("bridge=loop"), NullLogger.Instance);
        using ILink secondLink = LinkFactory.Open(NicOptions.Parse("bridge=loop"), NullLogger.Instance);
        using var guest = new FakeGuest(memoryBytes: 96 << 20);
        guest.Server.Offer(Provider(firstLink, "02:00:00:00:00:0a"));
        guest.Server.Offer(Provider(secondLink, "02:00:00:00:00:0b"));
        IReadOnlyList<OfferChannel> offers = guest.Connect();
        NetvscQueue from = Start(guest, offers[0]), to = Start(guest, offers[1]);
        PageRun page = guest.AllocatePages(1);
        var receiver = new OrderedFrames(FrameBytes);
        AwaitBridge(from, to);
        // What the lane makes once, it makes in the first rounds.
        BothWays();
        Assert.Equal(0, Allocations.LeastOf(() => LaneAllocations(guest), BothWays));
        Assert.Equal(0, receiver.Wrong);

        void BothWays()
        {
            Exchange(guest, from, to, receiver, page, 3000);
            Exchange(guest, to, from, receiver, page, 3000);
        }
    });

    // A port forwards a moment after its interface came up; until then frames are lost.
    private static void AwaitBridge(NetvscQueue from, NetvscQueue to)
    {
        var probes = new OrderedFrames(ProbeBytes);
        byte[] probe = Frame(ProbeBytes);
        for (int left = 1000; probes.Count == 0; left--)
        {
            Assert.True(left > 0, "The bridge passes nothing on.");
            _ = from.TrySend(probe.AsSpan());
            from.Flush();
            _ = to.Wait(TimeSpan.FromMilliseconds(20));
            _ = from.Poll(null) + to.Poll(probes);
        }
    }

    // Every other frame goes out from where it lies.
    private static void Exchange(FakeGuest guest, NetvscQueue from, NetvscQueue to, OrderedFrames receiver, PageRun page, int frames)
    {
        receiver.Begin();
        Gpa start = Gpa.FromPage(page.FirstPage);
        byte[] frame = Frame(FrameBytes);
        for (int sent = 0; receiver.Count < frames || from.InFlight > 0;)
        {
            while (sent < frames && sent - receiver.Count < Window)
            {
                // A page of its own for a frame that is still on its way: one at a time.
                bool inPlace = sent % 2 == 1 && from.InFlight == 0;
                BitConverter.TryWriteBytes(frame.AsSpan(14), sent);
                if (inPlace) Assert.True(guest.Memory.TryWrite(start, frame));
                SendResult result = inPlace ? from.TrySend([new FramePiece(start, 200), new FramePiece(start + 200, FrameBytes - 200)]) : from.TrySend(frame);
                if (result == SendResult.Full) break;
                Assert.Equal(SendResult.Sent, result);
                sent++;
            }

            from.Flush();
            if (from.Poll(null) + to.Poll(receiver) > 0) continue;
            Assert.True((sent > receiver.Count ? to : from).Wait(FakeGuest.Patience), $"{sent - receiver.Count} frames did not come.");
        }
    }

    // To everybody, of a type that hosts ignore.
    private static byte[] Frame(int bytes)
    {
        byte[] frame = new byte[bytes];
        frame.AsSpan(0, 6).Fill(0xFF);
        new byte[] { 2, 0, 0, 0, 0, 7, 0x88, 0xB5 }.CopyTo(frame, 6);
        return frame;
    }

    private static NetworkProvider Provider(ILink link, string address)
    {
        Assert.True(MacAddress.TryParse(address, out MacAddress mac));
        return new NetworkProvider(link, Guid.NewGuid(), new NetworkOptions(mac), NullLogger.Instance);
    }

    private static NetvscQueue Start(FakeGuest guest, OfferChannel offer)
    {
        var adapter = new NetvscClient(guest.Client, offer);
        Assert.Equal(ClientStatus.Ok, adapter.Start());
        Assert.Equal(ClientStatus.Ok, adapter.SetFilter(UsualFilter));
        return adapter.Queues[0];
    }

    private static long LaneAllocations(FakeGuest guest)
    {
        long bytes = 0;
        guest.Lanes[0].Invoke(() => bytes = GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }

    private sealed class OrderedFrames(int bytes) : INetvscReceiver
    {
        public int Count { get; private set; }

        public int Wrong { get; private set; }

        public void Begin() => Count = 0;

        public void Receive(in ReceivedFrame frame)
        {
            // A late probe is shorter.
            if (frame.Data.Length != bytes) return;
            if (BitConverter.ToInt32(frame.Data[14..]) != Count) Wrong++;
            Count++;
        }
    }
}
