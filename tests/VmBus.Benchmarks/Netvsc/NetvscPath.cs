using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client;
using VmBus.Client.Network;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Channel;
using VmBus.Providers.Network;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Network;

namespace VmBus.Benchmarks.Netvsc;

/// <summary>What a measurement gave.</summary>
/// <param name="Time">From the first frame sent to the last one completed, and received.</param>
/// <param name="LaneBytes">Bytes that the lane allocated meanwhile.</param>
/// <param name="LaneCalls">System calls that it made.</param>
internal readonly record struct NetvscSample(TimeSpan Time, long LaneBytes, long LaneCalls);

/// <summary>A bus with one lane and three adapters on TAPs: two on a bridge, one that leads nowhere; and a guest's drivers on the calling thread.</summary>
internal sealed class NetvscPath : IDisposable, INetvscReceiver
{
    private const string Bridge = "loop";
    private const uint UsualFilter = 0x0D;

    // Far below what a TAP queues: none is lost.
    private const int Window = 128;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(20);

    private readonly FakeGuest _guest = new(memoryBytes: 192 << 20);
    private readonly List<ILink> _links = [];
    private readonly NetvscClient _sender;
    private readonly NetvscClient _receiver;
    private readonly NetvscClient _nowhere;
    private readonly PageRun _page;
    private long _received;
    private int _awaitedBytes;

    internal NetvscPath()
    {
        NetworkNamespace.Ip($"link add {Bridge} type bridge");
        NetworkNamespace.Ip($"link set {Bridge} up");
        _page = _guest.AllocatePages(1);
        Offer($"bridge={Bridge}", TestFrame.Sender);
        Offer($"bridge={Bridge}", TestFrame.Receiver);
        Offer("tap=none", TestFrame.Sender);
        IReadOnlyList<OfferChannel> offers = _guest.Connect();
        _sender = Start(offers[0]);
        _receiver = Start(offers[1]);
        _nowhere = Start(offers[2]);
        AwaitBridge();
    }

    private Lane Lane => _guest.Lanes[0];

    /// <summary>Sends frames to the TAP that leads nowhere, as fast as their sections come back.</summary>
    internal NetvscSample Send(int bytes, int frames, bool ranges) => Measure(bytes, frame =>
    {
        NetvscQueue queue = _nowhere.Queues[0];
        for (int left = frames; left > 0 || queue.InFlight > 0;)
        {
            while (left > 0 && TrySend(queue, frame, ranges)) left--;
            queue.Flush();
            if (queue.Poll(null) == 0 && !queue.Wait(Patience)) throw new TimeoutException("Frames were not completed.");
        }
    });

    /// <summary>Sends frames with one adapter and receives them with the other.</summary>
    internal NetvscSample Loop(int bytes, int frames, bool ranges) => Measure(bytes, frame =>
    {
        NetvscQueue from = _sender.Queues[0], to = _receiver.Queues[0];
        _received = 0;
        for (long sent = 0; _received < frames || from.InFlight > 0;)
        {
            while (sent < frames && sent - _received < Window && TrySend(from, frame, ranges)) sent++;
            from.Flush();
            if (from.Poll(null) + to.Poll(this) > 0) continue;
            // A frame that is under way comes as an interrupt of the receiver; without one only completions can.
            if (!(sent > _received ? to : from).Wait(Patience)) throw new TimeoutException($"{sent - _received} frames did not come back.");
        }
    });

    void INetvscReceiver.Receive(in ReceivedFrame frame)
    {
        if (frame.Data.Length == _awaitedBytes) _received++;
    }

    public void Dispose()
    {
        foreach (NetvscClient adapter in new[] { _sender, _receiver, _nowhere }) _ = adapter.Stop();
        _guest.Dispose();
        foreach (ILink link in _links) link.Dispose();
    }

    private void Offer(string link, string address)
    {
        ILink opened = LinkFactory.Open(NicOptions.Parse(link), NullLogger.Instance);
        _links.Add(opened);
        if (!MacAddress.TryParse(address, out MacAddress mac)) throw new ArgumentException("No address.", nameof(address));
        _guest.Server.Offer(new NetworkProvider(opened, Guid.NewGuid(), new NetworkOptions(mac), NullLogger.Instance));
    }

    private NetvscClient Start(OfferChannel offer)
    {
        var adapter = new NetvscClient(_guest.Client, offer);
        ClientStatus status = adapter.Start();
        if (status == ClientStatus.Ok) status = adapter.SetFilter(UsualFilter);
        return status == ClientStatus.Ok ? adapter : throw new InvalidOperationException($"An adapter does not start: {status}.");
    }

    // A port forwards a moment after its interface came up; until then frames are lost.
    private void AwaitBridge()
    {
        NetvscQueue from = _sender.Queues[0], to = _receiver.Queues[0];
        byte[] probe = TestFrame.Make(TestFrame.ProbeBytes);
        _awaitedBytes = probe.Length;
        long started = Stopwatch.GetTimestamp();
        while (_received == 0)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException("The bridge passes nothing on.");
            _ = from.TrySend(probe.AsSpan());
            from.Flush();
            _ = to.Wait(ProbeInterval);
            _ = from.Poll(null) + to.Poll(this);
        }
    }

    private NetvscSample Measure(int bytes, Action<byte[]> run)
    {
        byte[] frame = TestFrame.Make(bytes);
        _awaitedBytes = bytes;
        _ = _guest.Memory.TryWrite(Gpa.FromPage(_page.FirstPage), frame);
        long allocated = LaneAllocations();
        long calls = Lane.Counters.SystemCalls;
        long started = Stopwatch.GetTimestamp();
        run(frame);
        TimeSpan time = Stopwatch.GetElapsedTime(started);
        return new NetvscSample(time, LaneAllocations() - allocated, Lane.Counters.SystemCalls - calls);
    }

    private bool TrySend(NetvscQueue queue, byte[] frame, bool ranges)
    {
        SendResult result = ranges ? queue.TrySend([new FramePiece(Gpa.FromPage(_page.FirstPage), frame.Length)]) : queue.TrySend(frame.AsSpan());
        return result is SendResult.Sent or SendResult.Full
            ? result == SendResult.Sent
            : throw new InvalidOperationException($"Sending a frame gave {result}.");
    }

    private long LaneAllocations()
    {
        long bytes = 0;
        Lane.Invoke(() => bytes = GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }
}
