using System.Globalization;
using System.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>What each partition of a service does: a table with the sums of its channels.</summary>
internal static class TopAllText
{
    /// <summary>What was done since the channels were opened.</summary>
    public static string Totals(IReadOnlyList<PartitionLook> now) => Table(now, null, "since the channels were opened");

    /// <summary>What was done each second between two looks.</summary>
    public static string Rates(IReadOnlyList<PartitionLook> before, IReadOnlyList<PartitionLook> now) => Table(now, before, "per second");

    private static string Table(IReadOnlyList<PartitionLook> now, IReadOnlyList<PartitionLook>? before, string meaning)
    {
        int width = now.Select(static one => one.Status.Name.Length).Append(9).Max();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{now.Count(static one => one.Report is not null)} of {now.Count} partitions run  ({meaning})\n");
        Row(text, width, "PARTITION", "STATE", "CPUS", "MEMORY", "UP", "CHANNELS", "PACKETS", "INTERRUPTS", "KICKS", "I/O", "LATENCY", "BYTES IN", "BYTES OUT", "RING IN", "RING OUT");
        // What runs first, the busiest first.
        foreach (PartitionLook one in now.OrderByDescending(look => Rate(look, before, static channel => channel.PacketsIn + channel.PacketsOut) ?? -1).ThenBy(static look => look.Status.Name, StringComparer.Ordinal))
        {
            string Cell(Func<ChannelReport, long> read, Func<VirtioDiskReport, long>? readDisk = null) => Rate(one, before, read, readDisk) is { } value ? TopText.Number(value) : "-";
            Row(
                text,
                width,
                one.Status.Name,
                one.Status.State,
                one.Status.Processors.ToString(CultureInfo.InvariantCulture),
                one.Status.Memory,
                one.Report is { } report ? TimeSpan.FromMilliseconds(report.UptimeMs).ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture) : "-",
                one.Report?.Channels.Count.ToString(CultureInfo.InvariantCulture) ?? "-",
                Cell(static channel => channel.PacketsIn + channel.PacketsOut),
                Cell(static channel => channel.Interrupts),
                Cell(static channel => channel.Kicks),
                Cell(static channel => channel.Operations ?? 0, static disk => disk.Timed),
                TopText.Latency(
                    Growth(one, before, static channel => channel.Timed ?? 0, static disk => disk.Timed), Growth(one, before, static channel => channel.TimedUs ?? 0, static disk => disk.TimedUs)),
                Cell(static channel => channel.BytesIn ?? 0, static disk => disk.BytesIn),
                Cell(static channel => channel.BytesOut ?? 0, static disk => disk.BytesOut),
                Fullest(one, static channel => TopText.Fullness(channel.RingIn, channel.RingInSize)),
                Fullest(one, static channel => TopText.Fullness(channel.RingOut, channel.RingOutSize)));
        }

        return text.ToString();
    }

    // Of all its rings the one that holds up most.
    private static string Fullest(PartitionLook look, Func<ChannelReport, double?> read) => TopText.Share(look.Report?.Channels.Max(read));

    // A channel that is new, or opened anew, has begun at zero.
    private static long? Growth(PartitionLook now, IReadOnlyList<PartitionLook>? before, Func<ChannelReport, long> read, Func<VirtioDiskReport, long>? readDisk)
    {
        PartitionReport? old = Earlier(now, before);
        if (now.Report is not { } report || (before is not null && old is null)) return null;
        long channels = report.Channels.Sum(channel =>
        {
            ChannelReport? same = old?.Channels.FirstOrDefault(other => other.Id == channel.Id && other.Lane == channel.Lane);
            return Math.Max(read(channel) - (same is null ? 0 : read(same)), 0);
        });
        if (readDisk is null || report.VirtioDisks is not { } disks) return channels;
        return channels + disks.Sum(disk =>
        {
            VirtioDiskReport? same = old?.VirtioDisks?.FirstOrDefault(other => other.Id == disk.Id);
            return Math.Max(readDisk(disk) - (same is null ? 0 : readDisk(same)), 0);
        });
    }

    private static double? Rate(PartitionLook now, IReadOnlyList<PartitionLook>? before, Func<ChannelReport, long> read, Func<VirtioDiskReport, long>? readDisk = null)
        => Growth(now, before, read, readDisk) / (Earlier(now, before) is { } old ? Math.Max(now.Report!.ClockMs - old.ClockMs, 1) / 1000.0 : 1);

    private static PartitionReport? Earlier(PartitionLook now, IReadOnlyList<PartitionLook>? before)
        => before?.FirstOrDefault(one => one.Status.Name == now.Status.Name && one.Status.Process == now.Status.Process)?.Report;

    private static void Row(StringBuilder text, int width, string name, params string[] cells)
    {
        text.Append(name.PadRight(width));
        int[] widths = [-10, 4, 10, 11, 8, 10, 10, 10, 10, 8, 10, 10, 8, 8];
        for (int i = 0; i < cells.Length; i++) text.Append("  ").Append(widths[i] < 0 ? cells[i].PadRight(-widths[i]) : cells[i].PadLeft(widths[i]));
        text.Append('\n');
    }
}
