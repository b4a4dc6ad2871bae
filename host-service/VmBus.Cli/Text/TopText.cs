using System.Globalization;
using System.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>What each channel of a partition does: a table.</summary>
internal static class TopText
{
    private static readonly CompositeFormat Form = CompositeFormat.Parse(
        "{0,7}  {1,-8} {2,3} {3,4} {4,-7} {5,10} {6,10} {7,10} {8,10} {9,8} {10,10} {11,10} {12,8} {13,8}\n");

    private static readonly CompositeFormat DiskForm = CompositeFormat.Parse("{0,-16} {1,10} {2,8} {3,10} {4,10} {5,10}\n");

    /// <summary>What was done since the channels were opened.</summary>
    public static string Totals(PartitionReport now) => Table(now, null, "since the channels were opened");

    /// <summary>What was done each second between two reports.</summary>
    public static string Rates(PartitionReport before, PartitionReport now) => Table(now, before, "per second");

    private static string Table(PartitionReport now, PartitionReport? before, string meaning)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{now.Name}  {now.State}  up {TimeSpan.FromMilliseconds(now.UptimeMs):d\\.hh\\:mm\\:ss}  {PartitionText.Bus(now)}  ({meaning})\n");
        text.AppendFormat(
            CultureInfo.InvariantCulture, Form, "CHANNEL", "DEVICE", "SUB", "CPU", "LANE", "PACKETS", "INTERRUPTS", "KICKS", "I/O", "LATENCY", "BYTES IN", "BYTES OUT", "RING IN", "RING OUT");
        double seconds = before is null ? 1 : Math.Max(now.ClockMs - before.ClockMs, 1) / 1000.0;
        string Rate(long? value, long? earlier) => value is { } count ? Number(Math.Max(count - (earlier ?? 0), 0) / seconds) : "-";
        foreach (ChannelReport channel in now.Channels)
        {
            ChannelReport? old = before?.Channels.FirstOrDefault(other => other.Id == channel.Id && other.Lane == channel.Lane);
            text.AppendFormat(
                CultureInfo.InvariantCulture,
                Form,
                channel.Id,
                channel.Device,
                channel.Subchannel,
                channel.Processor?.ToString(CultureInfo.InvariantCulture) ?? "-",
                channel.Lane ?? channel.State,
                Rate(channel.PacketsIn + channel.PacketsOut, old?.PacketsIn + old?.PacketsOut),
                Rate(channel.Interrupts, old?.Interrupts),
                Rate(channel.Kicks, old?.Kicks),
                Rate(channel.Operations, old?.Operations),
                Latency(channel.Timed - (old?.Timed ?? 0), channel.TimedUs - (old?.TimedUs ?? 0)),
                Rate(channel.BytesIn, old?.BytesIn),
                Rate(channel.BytesOut, old?.BytesOut),
                Share(Fullness(channel.RingIn, channel.RingInSize)),
                Share(Fullness(channel.RingOut, channel.RingOutSize)));
        }

        if (now.VirtioDisks is not { Count: > 0 } disks) return text.ToString();
        text.AppendFormat(CultureInfo.InvariantCulture, DiskForm, "VIRTIO DISK", "I/O", "LATENCY", "BYTES IN", "BYTES OUT", "FAILED");
        foreach (VirtioDiskReport disk in disks)
        {
            VirtioDiskReport? old = before?.VirtioDisks?.FirstOrDefault(other => other.Id == disk.Id);
            text.AppendFormat(
                CultureInfo.InvariantCulture,
                DiskForm,
                disk.Id,
                Rate(disk.Timed, old?.Timed),
                Latency(disk.Timed - (old?.Timed ?? 0), disk.TimedUs - (old?.TimedUs ?? 0)),
                Rate(disk.BytesIn, old?.BytesIn),
                Rate(disk.BytesOut, old?.BytesOut),
                Rate(disk.Failed, old?.Failed));
        }

        return text.ToString();
    }

    // The mean of what has ended meanwhile: three digits and a unit.
    internal static string Latency(long? operations, long? microseconds)
    {
        if (operations is not > 0 || microseconds is not >= 0) return "-";
        double mean = (double)microseconds.Value / operations.Value;
        (double value, string unit) = mean switch { < 999.5 => (mean, "us"), < 999_500 => (mean / 1000, "ms"), _ => (mean / 1_000_000, "s") };
        return value.ToString(value < 9.995 ? "0.00" : value < 99.95 ? "0.0" : "0", CultureInfo.InvariantCulture) + unit;
    }

    /// <summary>How full a ring is, 0 to 1; null when that is not told.</summary>
    internal static double? Fullness(long? bytes, long? size) => bytes is { } used && size is > 0 and { } all ? (double)used / all : null;

    internal static string Share(double? part) => part is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100.0 * value:0.0}%") : "-";

    // At most five characters and a suffix, powers of 1000.
    internal static string Number(double value)
    {
        const string Suffixes = "kMGTP";
        int used = 0;
        while (value >= 99_999.5 && used < Suffixes.Length)
        {
            value /= 1000;
            used++;
        }

        return value.ToString("0", CultureInfo.InvariantCulture) + (used == 0 ? "" : Suffixes[used - 1].ToString());
    }
}
