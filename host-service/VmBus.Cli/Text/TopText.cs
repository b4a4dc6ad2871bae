using System.Globalization;
using System.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>What each channel of a partition does: a table.</summary>
internal static class TopText
{
    private static readonly CompositeFormat Form = CompositeFormat.Parse(
        "{0,7}  {1,-8} {2,3} {3,4} {4,-7} {5,10} {6,10} {7,10} {8,10} {9,10} {10,10} {11,8} {12,8}\n");

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
            CultureInfo.InvariantCulture, Form, "CHANNEL", "DEVICE", "SUB", "CPU", "LANE", "PACKETS", "INTERRUPTS", "KICKS", "I/O", "BYTES IN", "BYTES OUT", "RING IN", "RING OUT");
        foreach (ChannelReport channel in now.Channels)
        {
            ChannelReport? old = before?.Channels.FirstOrDefault(other => other.Id == channel.Id && other.Lane == channel.Lane);
            double seconds = before is null ? 1 : Math.Max(now.ClockMs - before.ClockMs, 1) / 1000.0;
            string Rate(long? value, long? earlier) => value is { } count ? Number(Math.Max(count - (earlier ?? 0), 0) / seconds) : "-";
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
                Rate(channel.BytesIn, old?.BytesIn),
                Rate(channel.BytesOut, old?.BytesOut),
                Share(channel.RingIn, channel.RingInSize),
                Share(channel.RingOut, channel.RingOutSize));
        }

        return text.ToString();
    }

    private static string Share(long? bytes, long? size)
        => bytes is { } used && size is > 0 and { } all ? string.Create(CultureInfo.InvariantCulture, $"{100.0 * used / all:0.0}%") : "-";

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
