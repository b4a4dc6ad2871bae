using System.Text.Json;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Images;

/// <summary>Disk images as qemu-img makes and changes them. Formats are always told, never guessed from what a guest may have written.</summary>
internal static class ImageFile
{
    private const string Program = "qemu-img";
    private const string Package = "qemu-utils";

    /// <summary>The size of the disk that an image holds, in bytes.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static long SizeOf(DiskOptions image)
    {
        ToolResult result = Tool.Run(Program, Package, ["info", "--output=json", "-f", QemuName(image.Format), Name(image.Path)]);
        if (result.Status != 0) throw new IOException($"Image '{image.Path}' cannot be read: {result.Error}");
        using JsonDocument document = JsonDocument.Parse(result.Output);
        return document.RootElement.GetProperty("virtual-size").GetInt64();
    }

    /// <summary>Writes <paramref name="from"/>'s content to a new image; shows the progress on standard output when that is a terminal.</summary>
    /// <param name="from">The source, its format known.</param>
    /// <param name="to">The new image, its format known; it appears whole or not at all.</param>
    /// <param name="bytes">A size for the new one, at least the source's; null for the same.</param>
    /// <returns>False when a signal ended it.</returns>
    /// <exception cref="IOException">It failed.</exception>
    public static bool Copy(DiskOptions from, DiskOptions to, long? bytes = null)
    {
        string part = $"{to.Path}.part-{Environment.ProcessId}";
        try
        {
            string[] make = CreateOptions(to.Format);
            if (bytes is { } size && !Do(from.Path, ["create", "-q", "-f", QemuName(to.Format), .. make, Name(part), $"{size}"])) return false;
            string[] progress = Console.IsOutputRedirected ? [] : ["-p"];
            string[] target = bytes is null ? make : ["-n"];
            if (!Do(from.Path, ["convert", .. progress, "-f", QemuName(from.Format), "-O", QemuName(to.Format), .. target, Name(from.Path), Name(part)])) return false;
            // Who replaces a file leaves its owner and mode as they were.
            if (File.Exists(to.Path)) _ = Tool.Run("cp", "coreutils", ["--attributes-only", "--preserve=mode,ownership", "--", Name(to.Path), Name(part)]);
            File.Move(part, to.Path, overwrite: true);
            return true;
        }
        finally
        {
            File.Delete(part);
        }
    }

    /// <summary>Changes the size of a disk in its image.</summary>
    /// <returns>False when a signal ended it.</returns>
    /// <exception cref="IOException">It failed.</exception>
    public static bool Resize(DiskOptions image, long bytes, bool shrink)
    {
        // qemu-img changes only these in place.
        if (image.Format is not (DiskFormat.Raw or DiskFormat.Qcow2)) return Copy(image, image, bytes);
        return Do(image.Path, ["resize", "-q", .. shrink ? ["--shrink"] : Array.Empty<string>(), "-f", QemuName(image.Format), Name(image.Path), $"{bytes}"]);
    }

    private static bool Do(string path, string[] arguments)
    {
        ToolResult result = Tool.Run(Program, Package, arguments, showOutput: true);
        if (result.Interrupted) return false;
        return result.Status == 0 ? true : throw new IOException($"Image '{path}': {result.Error}");
    }

    // Without it a VHD's size is rounded to cylinders.
    private static string[] CreateOptions(DiskFormat format) => format == DiskFormat.Vhd ? ["-o", "force_size=on"] : [];

    private static string QemuName(DiskFormat format) => format switch
    {
        DiskFormat.Vhd => "vpc",
        DiskFormat.Iso => "raw",
        _ => DiskFactory.NameOf(format),
    };

    // A name with a colon would be a protocol of qemu's, and one with a dash an option.
    private static string Name(string path) => Path.GetFullPath(path);
}
