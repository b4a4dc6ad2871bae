using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>Opens disks of every format.</summary>
public static class DiskFactory
{
    /// <summary>Opens and locks a disk.</summary>
    /// <param name="options">What the operator said; <see cref="DiskFormat.Automatic"/> is resolved first.</param>
    /// <param name="logger">For what the operator should know although the disk opens.</param>
    /// <exception cref="DiskException">It cannot be used; the message is one line that says why and what to do.</exception>
    public static IDisk Open(DiskOptions options, ILogger logger)
    {
        options = Check(options);
        return IsRaw(options) ? RawDisk.Open(options, logger) : QemuNbdDisk.Open(options, logger);
    }

    /// <summary>Opens and locks a disk for whoever is to use it, here or in another process.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="logger">For what the operator should know although the disk opens.</param>
    /// <exception cref="DiskException">It cannot be used; the message is one line that says why and what to do.</exception>
    public static DiskDescriptors OpenDescriptors(DiskOptions options, ILogger logger)
    {
        options = Check(options);
        return IsRaw(options) ? RawDisk.OpenDescriptors(options, logger) : QemuNbdServer.OpenDescriptors(options);
    }

    /// <summary>Uses a disk that is open.</summary>
    /// <param name="open">It; it belongs to the disk from now on, or is closed.</param>
    /// <param name="logger">For what happens to it later.</param>
    /// <exception cref="DiskException">It cannot be used.</exception>
    public static IDisk Use(DiskDescriptors open, ILogger logger) => IsRaw(open.Options) ? RawDisk.Use(open) : QemuNbdDisk.Use(open, logger);

    /// <summary>Replaces <see cref="DiskFormat.Automatic"/> by the format that will be used.</summary>
    /// <exception cref="DiskException">The image cannot be read, or looks like a format that must be named to be used.</exception>
    public static DiskOptions Resolve(DiskOptions options)
    {
        if (options.Format != DiskFormat.Automatic) return options;
        DiskFormat seen = LookAt(options.Path);
        DiskFormat named = FormatOfName(options.Path);
        return seen switch
        {
            DiskFormat.Raw => options with { Format = DiskFormat.Raw },
            // Installation media are hybrids: a valid disk too. The name decides which one is meant.
            DiskFormat.Iso => options with { Format = named == DiskFormat.Iso ? DiskFormat.Iso : DiskFormat.Raw },
            // Whoever calls a file server.vhdx has said what it is; no guest gives its disk another name.
            _ when seen == named => options with { Format = seen },
            _ => throw new DiskException(
                DiskProblem.Format,
                $"Disk '{options.Path}' looks like {NameOf(seen)}; "
                + $"say format={NameOf(seen)} to open it as that, or format=raw to give the guest its bytes as they are."),
        };
    }

    /// <summary>The format that an image's name tells; automatic when it tells none.</summary>
    public static DiskFormat FormatOfName(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".raw" or ".img" => DiskFormat.Raw,
        ".qcow2" => DiskFormat.Qcow2,
        ".vhdx" => DiskFormat.Vhdx,
        ".vhd" => DiskFormat.Vhd,
        ".vmdk" => DiskFormat.Vmdk,
        ".iso" => DiskFormat.Iso,
        _ => DiskFormat.Automatic,
    };

    private static bool IsRaw(DiskOptions options) => options.Format is DiskFormat.Raw or DiskFormat.Iso;

    // The format is resolved, and the image has it.
    private static DiskOptions Check(DiskOptions options)
    {
        if (options.IsVhostUser)
        {
            throw new DiskException(
                DiskProblem.BadOption, $"Disk '{options.Name}' is served by another process, and only a partition can have such a disk: name an image or a block device.");
        }

        options = Resolve(options);
        if (IsRaw(options)) return options;
        DiskFormat seen = LookAt(options.Path);
        return seen == options.Format
            ? options
            : throw new DiskException(
                DiskProblem.Format,
                $"Disk '{options.Path}' is no {NameOf(options.Format)} image: it looks like {NameOf(seen)}; give the format it has.");
    }

    private static DiskFormat LookAt(string path)
    {
        using LinuxFile file = LinuxFile.TryOpen(path, LinuxOpen.Read | LinuxOpen.NonBlocking, out int errno)
            ?? throw DiskErrors.Opening(path, errno, readOnly: true);
        int result = FileStatus.TryRead(file, out FileStatus status);
        if (result < 0) throw DiskErrors.Opening(path, -result, readOnly: true);
        // A block device may hold any format too; what is neither is refused by whoever opens it.
        return status.Kind switch
        {
            FileKind.Regular => ImageProbe.Look(file, status.Bytes),
            FileKind.BlockDevice => ImageProbe.Look(file, BlockDevice.Bytes(file)),
            FileKind.Directory => throw DiskErrors.Opening(path, Errno.EISDIR, readOnly: true),
            FileKind.Other => DiskFormat.Raw,
        };
    }

    /// <summary>The format that a word of the command line names; null when it names none.</summary>
    public static DiskFormat? FormatOfWord(string word) => Enum.GetValues<DiskFormat>().Cast<DiskFormat?>().FirstOrDefault(format => NameOf(format!.Value) == word);

    /// <summary>The word for a format on the command line.</summary>
    public static string NameOf(DiskFormat format) => format switch
    {
        DiskFormat.Automatic => "automatic",
        DiskFormat.Raw => "raw",
        DiskFormat.Qcow2 => "qcow2",
        DiskFormat.Vhdx => "vhdx",
        DiskFormat.Vhd => "vhd",
        DiskFormat.Vmdk => "vmdk",
        DiskFormat.Iso => "iso",
    };
}
