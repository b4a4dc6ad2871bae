using System.Globalization;

namespace VmBus.Benchmarks.Export;

/// <summary>
/// A disk of another virtual machine monitor, User-Mode Linux, served over vhost-user: ours, ours that polls, and qemu-storage-daemon's. All three are disks of one guest
/// that takes turns at them.
/// </summary>
internal sealed class ExportPart : IBenchmarkPart
{
    internal const string Ours = "vmbus";
    internal const string Polling = "vmbus --poll";
    internal const string Peer = "qemu";

    /// <summary>In the order of the disks.</summary>
    internal static readonly string[] Columns = [Ours, Polling, Peer];

    private const long DiskBytes = 256 << 20;

    private static readonly (string Row, string Unit, string Pattern, string Block, int Requests)[] Jobs =
    [
        ("4k read, depth 1", "requests/s", "randread", "4k", 16000),
        ("4k write, depth 1", "requests/s", "randwrite", "4k", 16000),
        ("1M read, depth 1", "MiB/s", "read", "1M", 1500),
        ("1M write, depth 1", "MiB/s", "write", "1M", 1000),
    ];

    public string Name => "export";

    public string Summary => "disks over vhost-user in User-Mode Linux: ours beside qemu-storage-daemon's";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        string folder = Directory.CreateTempSubdirectory("vmbus-export-").FullName;
        try
        {
            using var backEnds = new BackEnds([.. Columns.Select(column => MakeDisk(folder, column))]);
            ComparisonTable plain = report.AddTable("Direct reads and writes in User-Mode Linux, vhost-user-blk over the page cache", Ours, Peer);
            ComparisonTable polled = report.AddTable("The same, ours with --poll 50", Polling, Peer);
            foreach (string line in backEnds.RunGuest(Script(options)))
            {
                // ROW DISK VALUE, both by number.
                string[] words = line.Split(' ');
                (string row, string unit, _, string block, _) = Jobs[int.Parse(words[0], CultureInfo.InvariantCulture)];
                string column = Columns[int.Parse(words[1], CultureInfo.InvariantCulture)];
                double value = double.Parse(words[2], CultureInfo.InvariantCulture) * (block == "1M" ? 1 : 256);
                if (column != Polling) plain.Add(row, unit, column, value);
                if (column != Ours) polled.Add(row, unit, column, value);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A disk of which every page is there and in the page cache: holes would be read by nobody's storage.</summary>
    internal static string MakeDisk(string folder, string column)
    {
        string path = Path.Combine(folder, $"disk-{Array.IndexOf(Columns, column)}");
        byte[] block = new byte[1 << 20];
        new Random(1).NextBytes(block);
        using FileStream file = File.Create(path);
        for (long done = 0; done < DiskBytes; done += block.Length) file.Write(block);
        file.Flush(flushToDisk: true);
        return path;
    }

    // Who comes first changes from round to round. fio's terse output has KiB/s of reads in its seventh field and of writes in its forty-eighth.
    private static string Script(BenchmarkOptions options)
    {
        var script = new System.Text.StringBuilder("set -eu\n");
        for (int round = -1; round < options.Repeat; round++)
        {
            for (int job = 0; job < Jobs.Length; job++)
            {
                for (int turn = 0; turn < Columns.Length; turn++)
                {
                    int disk = (turn + round + Columns.Length) % Columns.Length;
                    (_, _, string pattern, string block, int requests) = Jobs[job];
                    // The first round warms everything up.
                    if (options.Quick || round < 0) requests /= 8;
                    string device = $"/dev/vd{(char)('a' + disk)}";
                    int field = pattern.Contains("read", StringComparison.Ordinal) ? 7 : 48;
                    script.Append(CultureInfo.InvariantCulture, $"blockdev --flushbufs {device}\n")
                        .Append(CultureInfo.InvariantCulture, $"kib=$(fio --name=job --filename={device} --direct=1 --ioengine=psync --thread --rw={pattern} --bs={block} --size=100% ")
                        .Append(CultureInfo.InvariantCulture, $"--io_size=$(({requests} * {(block == "1M" ? 1024 : 4)}))k --randrepeat=1 --output-format=terse --terse-version=3 | cut -d';' -f{field})\n");
                    if (round >= 0) script.Append(CultureInfo.InvariantCulture, $"echo {job} {disk} $(awk \"BEGIN {{print $kib / 1024}}\")\n");
                }
            }
        }

        return script.ToString();
    }
}
