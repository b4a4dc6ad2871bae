using System.Globalization;
using System.Text;
using VmBus.Cli.Options;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>Disks in words.</summary>
internal static class DiskText
{
    /// <summary>A table.</summary>
    public static string List(IReadOnlyList<DiskReport> disks)
    {
        if (disks.Count == 0) return "no disks\n";
        int width = Math.Max(2, disks.Max(disk => disk.Id.Length));
        var text = new StringBuilder($"{"ID".PadRight(width)}  BUS     LUN       SIZE  FORMAT  STATE     PATH\n");
        foreach (DiskReport disk in disks)
        {
            string state = disk.State == "attached" ? disk.ReadOnly ? "read-only" : "writable" : disk.State;
            text.Append(
                CultureInfo.InvariantCulture,
                $"{disk.Id.PadRight(width)}  {disk.Bus,-6}  {disk.Lun,3}  {SizeParser.Format(disk.Bytes),9}  {disk.Format,-6}  {state,-9} {disk.Path}\n");
        }

        return text.ToString();
    }

    /// <summary>What became of a resize.</summary>
    public static string Resized(ResizeReply reply) => reply.Disk.Bytes == reply.PreviousBytes
        ? $"disk {reply.Disk.Id} has {SizeParser.Format(reply.Disk.Bytes)} as before; enlarge its image first, or give a size\n"
        : $"disk {reply.Disk.Id} has {SizeParser.Format(reply.Disk.Bytes)} now\n";
}
