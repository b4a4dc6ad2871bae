using System.Globalization;
using System.Xml.Linq;

namespace VmBus.Cli.Import;

/// <summary>The XML configuration of a virtual machine that Hyper-V up to Windows Server 2012 R2 keeps and exports.</summary>
/// <remarks>
/// An element is a folder or a value with its kind in the attribute <c>type</c>: <c>properties/name</c>, <c>properties/subtype</c> (0 generation 1, 1 generation 2),
/// <c>settings/processors/count</c>, <c>settings/memory/bank</c> in MiB, and for each device a folder named by a GUID, whose controllers have drives with a <c>pathname</c>.
/// </remarks>
internal static class HyperVConfiguration
{
    private const long MiB = 1 << 20;
    private const long MaximumMiB = 1L << 24;

    /// <summary>Reads one.</summary>
    /// <param name="root">The root element.</param>
    /// <param name="disks">The folder of the images here.</param>
    public static ImportedPartition Read(XElement root, string disks)
    {
        var partition = new ImportedPartition { Name = Text(root, "properties", "name") ?? "" };
        long? processors = Number(root, "settings", "processors", "count");
        partition.Processors = Math.Clamp(processors ?? 1, 1, ImportedPartition.MaximumProcessors);
        if (processors > ImportedPartition.MaximumProcessors) partition.LeaveOut($"processors beyond {ImportedPartition.MaximumProcessors}", $"there were {processors}");
        ReadMemory(root, partition);
        bool isSecond = Number(root, "properties", "subtype") == 1;
        partition.LeaveOut($"firmware of generation {(isSecond ? 2 : 1)}", isSecond ? "there is no UEFI and no secure boot" : "there is no BIOS");
        foreach (XElement drive in root.Descendants().Where(static element => IsNumbered(element, "drive") && element.Parent is { } parent && IsNumbered(parent, "controller")))
            ReadDrive(drive, partition, disks);
        foreach (XElement adapter in root.Elements().Where(IsAdapter)) ReadAdapter(adapter, partition);
        foreach ((string folder, string what) in new[] { ("integration", "settings of the integration services"), ("security", "security"), ("bios", "order of booting"), ("video", "video adapter") })
        {
            if (root.Element("settings")?.Element(folder) is not null || root.Element(folder) is not null) partition.LeaveOut(what, "those of this project are in force");
        }

        if (root.Descendants("snapshots").Any(static list => list.Elements("node0").Any() || list.Element("list")?.HasElements == true))
            partition.LeaveOut("checkpoints", "the disks are as the configuration names them now");
        return partition;
    }

    private static void ReadMemory(XElement root, ImportedPartition partition)
    {
        XElement? bank = root.Element("settings")?.Element("memory")?.Element("bank");
        if (Megabytes(bank, "size") is not { } start) return;
        partition.MemoryBytes = start;
        if (!string.Equals(bank!.Element("dynamic_memory_enabled")?.Value.Trim(), "true", StringComparison.OrdinalIgnoreCase)) return;
        if (Megabytes(bank, "limit") is { } most && most > start) partition.MaximumMemoryBytes = most;
        if (Megabytes(bank, "reservation") is { } least && least < start)
            partition.LeaveOut("least memory", string.Create(CultureInfo.InvariantCulture, $"{least / MiB} MiB; 'vmbus memory set' takes memory back when it is asked to"));
    }

    private static void ReadDrive(XElement drive, ImportedPartition partition, string disks)
    {
        string path = drive.Element("pathname")?.Value.Trim() ?? "";
        string kind = drive.Element("type")?.Value.Trim().ToUpperInvariant() ?? "";
        if (path.Length == 0 || kind == "NONE")
        {
            if (kind is "ISO" or "DVD") partition.LeaveOut("empty DVD drive", "a drive is there when it has a disc");
            return;
        }

        // Paths are Windows' own; the file's name is what they share with this host.
        string name = path[(path.LastIndexOfAny(['\\', '/']) + 1)..];
        string? format = Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".VHDX" or ".AVHDX" => "vhdx",
            ".VHD" or ".AVHD" => "vhd",
            ".ISO" => "iso",
            _ => null,
        };
        if (format is null || name is "." or ".." || name.Contains('\0', StringComparison.Ordinal))
        {
            partition.LeaveOut($"drive '{path}'", "only VHDX, VHD and ISO files can be taken over; give a disk of the host by \"disks\"");
            return;
        }

        string here = Path.GetFullPath(Path.Combine(disks, name));
        partition.Disks.Add(new ImportedDisk(here) { Format = format, ReadOnly = format == "iso" });
        if (!File.Exists(here)) partition.LeaveOut($"content of '{path}'", $"'{here}' is not there: copy the file, or say by --disks FOLDER where it is");
        if (Path.GetExtension(name).StartsWith(".av", StringComparison.OrdinalIgnoreCase))
            partition.LeaveOut($"base of '{name}'", "it holds the changes since a checkpoint: merge it ('Merge-VHD', or 'qemu-img convert') into one image");
    }

    private static void ReadAdapter(XElement adapter, ImportedPartition partition)
    {
        string name = adapter.Element("FriendlyName")?.Value.Trim() ?? "network adapter";
        string digits = adapter.Element("MACAddress")?.Value.Trim() ?? adapter.Element("MAC")?.Value.Trim() ?? "";
        string mac = digits.Length == 12 && digits.All(char.IsAsciiHexDigit) ? $", with \"mac\": \"{string.Join(':', digits.Chunk(2).Select(static pair => new string(pair)))}\"" : "";
        partition.LeaveOut($"'{name}'", $"a switch of Hyper-V has no counterpart here: add {{\"bridge\": \"NAME\"}} to \"nics\"{mac}");
    }

    private static bool IsAdapter(XElement element) => element.Element("ChannelInstanceGuid") is not null && (element.Element("MACAddress") ?? element.Element("MAC") ?? element.Element("IsConnected")) is not null;

    private static bool IsNumbered(XElement element, string name)
        => element.Name.LocalName.StartsWith(name, StringComparison.Ordinal) && element.Name.LocalName.Length > name.Length && element.Name.LocalName.AsSpan(name.Length).IndexOfAnyExceptInRange('0', '9') < 0;

    private static string? Text(XElement root, params string[] path) => path.Aggregate((XElement?)root, static (element, name) => element?.Element(name))?.Value.Trim();

    private static long? Number(XElement root, params string[] path)
        => long.TryParse(Text(root, path), NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null;

    private static long? Megabytes(XElement? bank, string name) => bank is not null && Number(bank, name) is > 0 and <= MaximumMiB and var value ? value * MiB : null;
}
