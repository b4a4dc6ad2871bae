using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Export;

/// <summary>A front-end that is no virtual machine: libblkio's, by <c>qemu-img bench</c>, on the same back-ends as <see cref="ExportPart"/>.</summary>
internal sealed partial class BlkioPart : IBenchmarkPart
{
    private static readonly (string Row, bool Writes, int Bytes, int Depth, int Requests)[] Jobs =
    [
        ("4k read, depth 1", false, 4096, 1, 60_000),
        ("4k read, depth 32", false, 4096, 32, 400_000),
        ("4k write, depth 1", true, 4096, 1, 40_000),
        ("4k write, depth 32", true, 4096, 32, 200_000),
        ("1M read, depth 8", false, 1 << 20, 8, 8_000),
        ("1M write, depth 8", true, 1 << 20, 8, 4_000),
    ];

    public string Name => "blkio";

    public string Summary => "disks over vhost-user by qemu-img bench with libblkio: ours beside qemu-storage-daemon's";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        string folder = Directory.CreateTempSubdirectory("vmbus-blkio-").FullName;
        try
        {
            using var backEnds = new BackEnds([.. ExportPart.Columns.Select(column => ExportPart.MakeDisk(folder, column))]);
            ComparisonTable plain = report.AddTable("qemu-img bench with libblkio, vhost-user-blk over the page cache", ExportPart.Ours, ExportPart.Peer);
            ComparisonTable polled = report.AddTable("The same, ours with --poll 50", ExportPart.Polling, ExportPart.Peer);
            // The first round warms everything up.
            for (int round = -1; round < options.Repeat; round++)
            {
                foreach ((string row, bool writes, int bytes, int depth, int requests) in Jobs)
                {
                    for (int turn = 0; turn < ExportPart.Columns.Length; turn++)
                    {
                        int disk = (turn + round + ExportPart.Columns.Length) % ExportPart.Columns.Length;
                        int count = options.Quick || round < 0 ? requests / 8 : requests;
                        double rate = Measure(backEnds.Sockets[disk], writes, bytes, depth, count);
                        if (round < 0) continue;
                        (string unit, double value) = bytes == 4096 ? ("requests/s", rate) : ("MiB/s", rate * bytes / (1 << 20));
                        if (ExportPart.Columns[disk] != ExportPart.Polling) plain.Add(row, unit, ExportPart.Columns[disk], value);
                        if (ExportPart.Columns[disk] != ExportPart.Ours) polled.Add(row, unit, ExportPart.Columns[disk], value);
                    }
                }

                Console.Error.WriteLine($"blkio: {(round < 0 ? "warmed up" : $"round {round + 1} of {options.Repeat}")}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Measure(string socket, bool writes, int bytes, int depth, int requests)
    {
        string[] arguments =
        [
            "bench", .. writes ? ["-w"] : Array.Empty<string>(), "-c", Number(requests), "-d", Number(depth), "-s", Number(bytes), "-S", Number(bytes),
            "--image-opts", $"driver=raw,cache.direct=on,file.driver=virtio-blk-vhost-user,file.path={socket},file.cache.direct=on",
        ];
        var info = new ProcessStartInfo(BenchmarkEnvironment.Variable("VMBUS_QEMU_IMG"), arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(info) ?? throw new InvalidOperationException("qemu-img did not start");
        Task<string> messages = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Match match = Seconds().Match(output);
        if (process.ExitCode != 0 || !match.Success) throw new InvalidOperationException($"qemu-img ended with {process.ExitCode}: {output}{messages.GetAwaiter().GetResult()}");
        return requests / double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex("Run completed in ([0-9.]+) seconds")]
    private static partial Regex Seconds();
}
