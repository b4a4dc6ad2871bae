using System.Diagnostics;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Benchmarks.Ring;

/// <summary>The ring between two processes over a memory file and eventfds, beside copying the same bytes.</summary>
internal sealed class RingPart : IBenchmarkPart
{
    private const int Packets = 200_000;
    private const int ChunkPackets = 4_000;
    private const int Chunks = 25;
    private const int SleepingTrips = 3_000;
    private const int SpinningTrips = 30_000;
    private const string CopyName = "memcpy of the same bytes, twice";

    /// <inheritdoc/>
    public string Name => "ring";

    /// <inheritdoc/>
    public string Summary => "packets per second and round trips between two processes, and what a memcpy of the same bytes takes";

    /// <inheritdoc/>
    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        using MemoryFile file = MemoryFile.Create("vmbus-benchmark-rings", 2L * RingEnd.PagesPerRing * RingControlPage.Size);
        RingMapping output = RingEnd.Map(file, 0, RingEnd.PagesPerRing);
        RingMapping input = RingEnd.Map(file, 1, RingEnd.PagesPerRing);
        output.Initialize();
        input.Initialize();
        using RingPeerProcess peer = RingPeerProcess.Start(file, RingEnd.PagesPerRing);
        using var end = new RingEnd(input, output, peer.SignalsParent, peer.SignalsPeer);
        using var alone = new SingleThread();

        // One round to compile and touch everything; its samples are dropped.
        var dropped = new BenchmarkReport("warm-up");
        for (int round = 0; round <= options.Repeat; round++)
            Round(round == 0 ? dropped : report, peer, end, alone);
    }

    private static void Round(BenchmarkReport report, RingPeerProcess peer, RingEnd end, SingleThread alone)
    {
        const string PerPacket = "ns/packet";
        report.Add(CopyName, PerPacket, MedianOfChunks(() => alone.Copy(ChunkPackets)));
        report.Add("ring, one thread", PerPacket, MedianOfChunks(() => alone.Ring(ChunkPackets).Nanoseconds), CopyName);
        report.Add("ring, one thread, allocated", "bytes/packet", alone.Ring(ChunkPackets).AllocatedBytes);

        (double time, long signals) = Measure(peer, end, "produce", Packets, () => RingWork.Consume(end, Packets));
        report.Add("ring, peer sends", PerPacket, time, CopyName);
        report.Add("ring, peer sends, rate", "packets/s", 1e9 / time);
        report.Add("ring, peer sends, signals", "per 1000", signals * 1000.0 / Packets);

        (time, signals) = Measure(peer, end, "consume", Packets, () => RingWork.Produce(end, Packets));
        report.Add("ring, peer receives", PerPacket, time, CopyName);
        report.Add("ring, peer receives, rate", "packets/s", 1e9 / time);
        report.Add("ring, peer receives, signals", "per 1000", signals * 1000.0 / Packets);

        const string Sleeping = "round trip, both sleep";
        (time, signals) = Measure(peer, end, "echo", SleepingTrips, () => RingWork.Ask(end, SleepingTrips, spin: false));
        report.Add(Sleeping, "ns", time);
        report.Add("round trip, both sleep, signals", "per trip", signals / (double)SleepingTrips);
        (time, _) = Measure(peer, end, "echo-spinning", SpinningTrips, () => RingWork.Ask(end, SpinningTrips, spin: true));
        report.Add("round trip, both spin", "ns", time, Sleeping);
    }

    // Chunks shorter than a time slice: on a busy machine most of them run without an interruption, and the median is one of those.
    private static double MedianOfChunks(Func<double> measure)
        => Enumerable.Range(0, Chunks).Select(_ => measure()).Order().ElementAt(Chunks / 2);

    private static (double Nanoseconds, long Signals) Measure(RingPeerProcess peer, RingEnd end, string peerWork, int count, Action ownWork)
    {
        // Nothing to do: tells how many signals the peer has sent so far.
        peer.Begin(peerWork, 0);
        long before = end.Signals + peer.End();
        long start = Stopwatch.GetTimestamp();
        peer.Begin(peerWork, count);
        ownWork();
        double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        return (nanoseconds, peer.End() + end.Signals - before);
    }

    /// <summary>The same packets without another process: what the ring's code costs by itself, and what the bytes cost.</summary>
    private sealed class SingleThread : IDisposable
    {
        private const int AreaBytes = (RingEnd.PagesPerRing - 1) * RingControlPage.Size;

        private readonly MemoryFile _file = MemoryFile.Create("vmbus-benchmark-ring", RingEnd.PagesPerRing * RingControlPage.Size);
        private readonly RingMapping _ring;
        private readonly RingReader _reader;
        private readonly RingWriter _writer;
        private readonly byte[] _area = new byte[AreaBytes];
        private readonly byte[] _packet = new byte[RingWork.RequestBytes];

        internal SingleThread()
        {
            _ring = RingEnd.Map(_file, 0, RingEnd.PagesPerRing);
            _ring.Initialize();
            _reader = new RingReader(_ring, 4096);
            _writer = new RingWriter(_ring);
        }

        internal double Copy(int count)
        {
            long start = Stopwatch.GetTimestamp();
            int at = 0;
            for (int i = 0; i < count; i++)
            {
                Span<byte> place = _area.AsSpan(at, RingWork.RequestBytes);
                _packet.CopyTo(place);
                place.CopyTo(_packet);
                at += RingWork.RequestBytes;
                if (at > AreaBytes - RingWork.RequestBytes) at = 0;
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        internal (double Nanoseconds, double AllocatedBytes) Ring(int count)
        {
            ReadOnlySpan<byte> header = _packet.AsSpan(0, RingWork.HeaderBytes);
            ReadOnlySpan<byte> payload = _packet.AsSpan(0, RingWork.PayloadBytes);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < count;)
            {
                for (int end = Math.Min(count, i + RingWork.Batch); i < end; i++)
                    _writer.TryWrite(PacketType.DataUsingGpaDirect, header, payload, (ulong)i, 0);
                _writer.Commit();
                while (_reader.TryRead(out _) == RingStatus.Ok)
                {
                }

                _reader.Commit();
            }

            double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
            return (nanoseconds, (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)count);
        }

        public void Dispose()
        {
            _ring.Dispose();
            _file.Dispose();
        }
    }
}
