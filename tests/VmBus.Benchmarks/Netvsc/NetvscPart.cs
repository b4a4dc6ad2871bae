using VmBus.TestKit.Network;

namespace VmBus.Benchmarks.Netvsc;

/// <summary>
/// Frames between a guest's network driver and TAPs, without a guest: the driver is VmBus.Client in this process, the rest is what a partition
/// runs. It happens in a network namespace of its own.
/// </summary>
/// <remarks>
/// The way back is a bridge and a second TAP with a second adapter, so that nothing but the kernel stands between sending and receiving: an echoing
/// program would take a processor of its own, of which there are two. The bare system calls have the same bridge and TAPs to themselves.
/// </remarks>
internal sealed class NetvscPart : IBenchmarkPart
{
    private const int Frames = 100_000;

    private static readonly int[] Sizes = [60, 1514];

    /// <inheritdoc/>
    public string Name => "netvsc";

    /// <inheritdoc/>
    public string Summary => "frames of a netvsc client to a TAP, and over a bridge back, beside bare system calls; bytes allocated";

    /// <inheritdoc/>
    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        if (NetworkNamespace.Missing is { } missing) throw new InvalidOperationException(missing);
        NetworkNamespace.Run(() =>
        {
            int frames = options.Quick ? Frames / 10 : Frames;
            using var taps = new BareTaps();
            using var path = new NetvscPath();
            var dropped = new BenchmarkReport("warm-up");
            for (int round = 0; round <= options.Repeat; round++)
            {
                foreach (int bytes in Sizes) Round(round == 0 ? dropped : report, taps, path, bytes, frames);
            }
        });
    }

    private static void Round(BenchmarkReport report, BareTaps taps, NetvscPath path, int bytes, int frames)
    {
        foreach (bool back in new[] { false, true })
        {
            string kind = back ? $"there and back, {bytes} B" : $"to the TAP, {bytes} B";
            string bare = $"bare {kind}";
            report.Add(bare, "frames/s", frames / (back ? taps.Loop(bytes, frames) : taps.Send(bytes, frames)).TotalSeconds);
            foreach (bool ranges in new[] { false, true })
            {
                string label = $"{kind}, {(ranges ? "ranges" : "sections")}";
                NetvscSample sample = back ? path.Loop(bytes, frames, ranges) : path.Send(bytes, frames, ranges);
                report.Add(label, "frames/s", frames / sample.Time.TotalSeconds, bare);
                report.Add(label + ", calls", "calls/frame", sample.LaneCalls / (double)frames);
                report.Add(label + ", allocated", "bytes/frame", sample.LaneBytes / (double)frames);
            }
        }
    }
}
