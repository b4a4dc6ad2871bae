using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;

namespace VmBus.Benchmarks.Storage;

/// <summary>Raw disks in the page cache: the chosen policy beside all inline, all through the engine, and bare preadv2 and pwritev2.</summary>
internal sealed class StoragePart : IBenchmarkPart
{
    private const long DiskBytes = 64 << 20;
    private const int BlockBytes = 4096;
    private const int MaximumDepth = 32;
    private const int Requests = 6400;

    private static readonly (string Name, int Reads, int Writes)[] Policies =
    [
        ("chosen", InlineBudget.ReadsPerTurn, InlineBudget.WritesPerTurn),
        ("inline", int.MaxValue, int.MaxValue),
        ("engine", 0, 0),
    ];

    /// <inheritdoc/>
    public string Name => "storage";

    /// <inheritdoc/>
    public string Summary => "4k requests on a raw disk in the page cache (in TMPDIR): policies beside bare system calls; bytes allocated";

    /// <inheritdoc/>
    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        string path = Path.Combine(Path.GetTempPath(), $"vmbus-benchmark-{Environment.ProcessId}.raw");
        try
        {
            File.WriteAllBytes(path, new byte[DiskBytes]);
            using var disk = (RawDisk)DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Raw }, NullLogger.Instance);
            using GuestMemory memory = GuestMemory.Create(1 << 20);
            using Lane lane = Lane.Start("benchmark", NullLogger.Instance);
            IDiskQueue? queue = null;
            lane.Invoke(() => queue = disk.OpenQueue(lane));
            using var load = new DiskLoad(lane, queue!, memory, MaximumDepth, DiskBytes);
            var dropped = new BenchmarkReport("warm-up");
            for (int round = 0; round <= options.Repeat; round++) Round(round == 0 ? dropped : report, disk, lane, load, path, memory);
            lane.Invoke(queue!.Dispose);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Round(BenchmarkReport report, RawDisk disk, Lane lane, DiskLoad load, string path, GuestMemory memory)
    {
        foreach (bool write in new[] { false, true })
        {
            string kind = write ? "write" : "read";
            string bare = $"bare {kind}";
            report.Add(bare, "ns/request", Bare(path, memory, write));
            foreach (int depth in new[] { 1, MaximumDepth })
            {
                foreach ((string name, int reads, int writes) in Policies)
                {
                    (disk.InlineReads, disk.InlineWrites, load.Depth) = (reads, writes, depth);
                    LaneCounters before = lane.Counters;
                    RawDiskCounters ways = disk.Counters;
                    string label = $"{kind}, depth {depth}, {name}";
                    report.Add(label, "ns/request", load.Run(write, Requests), bare);
                    long inline = disk.Counters.InlineReads + disk.Counters.InlineWrites - ways.InlineReads - ways.InlineWrites;
                    report.Add(label + ", calls", "calls/request", (inline + lane.Counters.SystemCalls - before.SystemCalls) / (double)Requests);
                    report.Add(label + ", allocated", "bytes/request", load.AllocatedBytes / (double)Requests);
                }
            }
        }
    }

    private static double Bare(string path, GuestMemory memory, bool write)
    {
        using LinuxFile file = LinuxFile.TryOpen(path, LinuxOpen.ReadWrite, out int errno)
            ?? throw new LinuxException($"Opening {path} failed", errno);
        using var list = new IoVectorList(1, 1);
        list.TryAdd(memory, new Gpa(0), BlockBytes);
        var random = new Random(1);
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < Requests; i++)
        {
            long offset = random.NextInt64(DiskBytes / BlockBytes) * BlockBytes;
            if (write) LinuxFile.Write(file, list.Address, 1, offset, 0);
            else LinuxFile.Read(file, list.Address, 1, offset, 0);
        }

        return Stopwatch.GetElapsedTime(started).TotalNanoseconds / Requests;
    }
}
