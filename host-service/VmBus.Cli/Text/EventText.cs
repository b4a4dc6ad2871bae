using System.Globalization;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>Events in words, one line each.</summary>
internal static class EventText
{
    // The end of a crash log may be long; the whole of it is in the JSON form.
    private const int MaximumDetail = 512;

    /// <summary>A line: when, in which partition, what.</summary>
    public static string Line(string name, ControlEvent fields)
    {
        string when = DateTimeOffset.FromUnixTimeMilliseconds(fields.TimeMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        string line = $"{when}  {fields.Partition}  {name}";
        if (fields.Channel is { } channel)
        {
            line += string.Create(CultureInfo.InvariantCulture, $"  channel {channel}, {fields.Device}");
            if (fields.Subchannel > 0) line += string.Create(CultureInfo.InvariantCulture, $", sub-channel {fields.Subchannel}");
        }

        if (fields.Reason is not null) line += $"  {fields.Reason}";
        if (fields.Detail is { } detail) line += $"  {(detail.Length <= MaximumDetail ? detail : detail[..MaximumDetail] + "…")}";
        // Some of it comes from the guest, which must not move the reader's cursor.
        return string.Concat(line.Select(static c => char.IsControl(c) ? ' ' : c));
    }
}
