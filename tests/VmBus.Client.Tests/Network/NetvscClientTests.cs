using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client.Network;
using VmBus.Client.Tests.Hosts;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Network;
using VmBus.Providers.Network;
using VmBus.TestKit;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Client.Tests.Network;

/// <summary>The network driver against the real provider, bus and lanes; the link sends everything back.</summary>
public sealed class NetvscClientTests : IDisposable
{
    private const uint UsualFilter = 0x0D;
    private static readonly TimeSpan Patience = FakeGuest.Patience;

    private readonly FakeGuest _guest = new(memoryBytes: 64 << 20, laneCount: 2);
    private readonly EchoLink _link = new();
    private readonly NetworkProvider _provider;

    public NetvscClientTests()
    {
        Assert.True(MacAddress.TryParse("02:00:00:00:00:09", out MacAddress address));
        _provider = new NetworkProvider(_link, Guid.NewGuid(), new NetworkOptions(address) { MaximumQueues = 4 }, NullLogger.Instance);
        _guest.Server.Offer(_provider);
    }

    public static TheoryData<NvspVersion> Versions =>
        [NvspVersion.V1, NvspVersion.V2, NvspVersion.V4, NvspVersion.V5, NvspVersion.V6, NvspVersion.V61];

    public void Dispose() => _guest.Dispose();

    [Theory]
    [MemberData(nameof(Versions))]
    public void Every_version_sends_and_receives_and_ends(NvspVersion version)
    {
        NetvscClient adapter = Start(new NetvscOptions { Versions = [version] });
        Assert.Equal(version, adapter.Version);
        Assert.Equal([2, 0, 0, 0, 0, 9], adapter.PermanentAddress.ToArray());
        Assert.Equal(1500, adapter.MaximumFrameSize);
        Assert.True(adapter.IsUp);
        Assert.Equal(version >= NvspVersion.V5 ? 100_000_000u : 0, adapter.LinkSpeed);
        Assert.Equal((FrameKinds)0x7, _link.Filter!.Accepted & (FrameKinds)0x7);

        var frames = new Collector();
        Echo(adapter.Queues[0], frames, Frame(60));
        Echo(adapter.Queues[0], frames, Frame(1514));
        Assert.Equal(ClientStatus.Ok, adapter.Stop());
        Assert.Equal(0, adapter.Violations + _guest.Client.Violations);
        Assert.Equal(0, _provider.Counters.Refused);
        Assert.Equal((2, 2), (_provider.Counters.FramesSent, _provider.Counters.FramesReceived));
    }

    [Theory]
    [InlineData(0x20004u)]
    [InlineData(0x30000u)]
    [InlineData(0x40000u)]
    public void Old_buses_get_the_buffers_back_in_their_order(uint version)
    {
        Assert.Single(_guest.Connect(new ProtocolVersion(version)));
        var adapter = new NetvscClient(_guest.Client, Assert.Single(_guest.Client.Offers));
        Assert.Equal(ClientStatus.Ok, adapter.Start());
        Assert.Equal(ClientStatus.Ok, adapter.Stop());
    }

    [Fact]
    public void Adapter_that_stops_and_starts_for_ever_uses_the_same_memory()
    {
        NetvscClient adapter = Start(new NetvscOptions { MaximumQueues = 3 });
        Assert.True(_guest.Client.Pages.TryTake(1, out PageRun before));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(ClientStatus.Ok, adapter.OpenSubchannels(2));
            Echo(adapter.Queues[0], new Collector(), Frame(100));
            Assert.Equal(ClientStatus.Ok, adapter.Stop());
            Assert.Equal(ClientStatus.Ok, adapter.Start());
            Assert.Equal(ClientStatus.Ok, adapter.SetFilter(UsualFilter));
        }

        Assert.True(_guest.Client.Pages.TryTake(1, out PageRun after));
        Assert.Equal(before.FirstPage + 1, after.FirstPage);
        Assert.Equal(0, adapter.Violations + _guest.Client.Violations);
    }

    [Fact]
    public void Frame_in_scattered_pages_goes_out_from_where_it_lies()
    {
        NetvscClient adapter = Start();
        PageRun pages = _guest.AllocatePages(8);
        byte[] frame = Frame(1514);
        Gpa first = Gpa.FromPage(pages.FirstPage) + 4000, second = Gpa.FromPage(pages.FirstPage + 5) + 7;
        Assert.True(_guest.Memory.TryWrite(first, frame.AsSpan(0, 1000)));
        Assert.True(_guest.Memory.TryWrite(second, frame.AsSpan(1000)));
        NetvscQueue queue = adapter.Queues[0];
        var frames = new Collector();
        Assert.Equal(SendResult.Sent, queue.TrySend([new FramePiece(first, 1000), new FramePiece(second, 514)]));
        Await(queue, frames, () => frames.Frames.Count == 1 && queue.InFlight == 0);
        Assert.Equal(frame, frames.Frames[0]);
    }

    [Fact]
    public void Frame_that_the_host_did_not_cut_arrives_in_one_piece()
    {
        NetvscClient adapter = Start();
        _link.Grows = 60_000;
        NetvscQueue queue = adapter.Queues[0];
        var frames = new Collector();
        byte[] frame = Frame(1000);
        Assert.Equal(SendResult.Sent, queue.TrySend(frame));
        Await(queue, frames, () => frames.Frames.Count == 1);
        Assert.Equal(61_000, frames.Frames[0].Length);
        Assert.Equal(frame, frames.Frames[0][..1000]);
        Assert.All(frames.Frames[0][1000..], value => Assert.Equal(0x5A, value));
        Assert.Equal(0, adapter.Violations);
    }

    [Fact]
    public void Subchannels_carry_their_own_frames()
    {
        NetvscClient adapter = Start(new NetvscOptions { MaximumQueues = 4 });
        Assert.Equal(ClientStatus.Ok, adapter.OpenSubchannels(9));
        Assert.Equal(4, adapter.Queues.Count);
        Assert.Equal(ClientStatus.BadState, adapter.OpenSubchannels(1));
        for (int round = 0; round < 20; round++)
        {
            foreach (NetvscQueue queue in adapter.Queues) Echo(queue, new Collector(), Frame(100 + queue.Index));
        }

        // The table that spreads flows over the channels comes on the primary when the last has opened.
        Assert.Equal([0u, 1, 2, 3, 0], adapter.SendTable.Take(5));
        Assert.Equal(ClientStatus.Ok, adapter.Stop());
        Assert.Empty(_guest.Client.RescindedChannels);
        Assert.Equal(0, adapter.Violations + _guest.Client.Violations);
    }

    [Fact]
    public void Link_that_goes_and_comes_is_told()
    {
        NetvscClient adapter = Start();
        NetvscQueue queue = adapter.Queues[0];
        _link.IsUp = false;
        Await(queue, null, () => !adapter.IsUp);
        _link.IsUp = true;
        Await(queue, null, () => adapter.IsUp);
    }

    [Fact]
    public void Object_that_the_host_does_not_have_is_refused_and_the_next_question_is_answered()
    {
        NetvscClient adapter = Start();
        Assert.Equal(ClientStatus.Refused, adapter.Query((NdisOid)0x7777, default, out _));
        Assert.Equal(ClientStatus.Ok, adapter.Query(NdisOid.MaximumTotalSize, default, out ReadOnlySpan<byte> value));
        Assert.Equal(1514, BitConverter.ToInt32(value));
    }

    [Fact]
    public void Adapter_that_is_removed_says_so_to_whoever_asks_it()
    {
        NetvscClient adapter = Start();
        _guest.Server.Remove(_provider);
        Assert.Equal(ClientStatus.Rescinded, adapter.SetFilter(0));
        Assert.NotEqual(ClientStatus.Ok, adapter.Stop());
    }

    [Fact]
    public void Queue_of_an_adapter_that_has_stopped_does_nothing_and_no_harm()
    {
        NetvscClient adapter = Start();
        NetvscQueue queue = adapter.Queues[0];
        Assert.Equal(ClientStatus.Ok, adapter.Stop());
        Assert.Equal(ClientStatus.BadState, adapter.Stop());
        Assert.Equal(ClientStatus.BadState, adapter.SetFilter(0));
        Assert.False(queue.Wait(Patience));
        Assert.Equal(0, queue.Poll(null));
        Assert.Equal(SendResult.Broken, queue.TrySend(Frame(60)));
        queue.Flush();
    }

    [Fact]
    public void Frames_both_ways_allocate_nothing_on_the_guests_thread_nor_on_the_lane()
    {
        NetvscClient adapter = Start();
        NetvscQueue queue = adapter.Queues[0];
        var counter = new Counter();
        Flood(queue, counter, 20_000);
        long ofGuest = long.MaxValue;
        long ofLane = Allocations.LeastOf(
            LaneAllocations,
            () => ofGuest = Math.Min(ofGuest, Allocations.LeastOf(() => Flood(queue, counter, 5_000))));
        Assert.Equal(0, ofGuest);
        Assert.Equal(0, ofLane);
        Assert.Equal(65_000, counter.Frames);
    }

    private static byte[] Frame(int bytes)
    {
        byte[] frame = new byte[bytes];
        for (int i = 0; i < bytes; i++) frame[i] = (byte)(i * 3);
        new byte[] { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 2, 0x88, 0xB5 }.CopyTo(frame, 0);
        return frame;
    }

    private NetvscClient Start(NetvscOptions? options = null)
    {
        Assert.Single(_guest.Connect());
        var adapter = new NetvscClient(_guest.Client, Assert.Single(_guest.Client.Offers), options);
        Assert.Equal(ClientStatus.Ok, adapter.Start());
        Assert.Equal(ClientStatus.Ok, adapter.SetFilter(UsualFilter));
        return adapter;
    }

    private static void Echo(NetvscQueue queue, Collector frames, byte[] frame)
    {
        int before = frames.Frames.Count;
        Assert.Equal(SendResult.Sent, queue.TrySend(frame));
        Await(queue, frames, () => frames.Frames.Count > before && queue.InFlight == 0);
        Assert.Equal(frame, frames.Frames[^1]);
    }

    private static void Await(NetvscQueue queue, INetvscReceiver? receiver, Func<bool> condition)
    {
        while (true)
        {
            if (queue.Poll(receiver) > 0) continue;
            if (condition()) return;
            Assert.True(queue.Wait(Patience), "The host did nothing.");
        }
    }

    // As many frames on their way as there are sections to send them from.
    private static void Flood(NetvscQueue queue, Counter counter, int frames)
    {
        ReadOnlySpan<byte> frame = Fixed;
        long end = counter.Frames + frames;
        for (int left = frames; counter.Frames < end || queue.InFlight > 0;)
        {
            while (left > 0 && queue.TrySend(frame) == SendResult.Sent) left--;
            queue.Flush();
            if (queue.Poll(counter) == 0 && !queue.Wait(Patience)) throw new TimeoutException("The host stopped.");
        }
    }

    private static readonly byte[] Fixed = Frame(200);

    private long LaneAllocations()
    {
        long bytes = 0;
        foreach (VmBus.Lanes.Lane lane in _guest.Lanes) lane.Invoke(() => bytes += GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }

    private sealed class Collector : INetvscReceiver
    {
        public List<byte[]> Frames { get; } = [];

        public void Receive(in ReceivedFrame frame) => Frames.Add(frame.Data.ToArray());
    }

    private sealed class Counter : INetvscReceiver
    {
        public long Frames { get; private set; }

        public void Receive(in ReceivedFrame frame) => Frames++;
    }
}
