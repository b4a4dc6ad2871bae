using System.CommandLine;
using VmBus.Cli.Images;
using VmBus.Host;
using VmBus.Host.Devices;
using VmBus.Host.Images;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Options;

/// <summary>The options of <c>vmbus run</c> for a disk image that boots by itself.</summary>
internal sealed class ImageOptions
{
    /// <summary>Which entry to boot.</summary>
    public Option<string?> BootEntry { get; } = new("--boot-entry")
    {
        HelpName = "N|NAME",
        Description = "Without --kernel: the number, id or title of the entry to boot, as 'vmbus boot-entries' lists them, instead of the image's default",
    };

    /// <summary>cloud-init's user data.</summary>
    public Option<string?> UserData { get; } = new("--user-data")
    {
        HelpName = "FILE",
        Description = "cloud-init's user data, such as '#cloud-config' with users and keys: the guest finds it on a read-only DVD (NoCloud, label cidata)",
    };

    /// <summary>cloud-init's metadata.</summary>
    public Option<string?> MetaData { get; } = new("--meta-data")
    {
        HelpName = "FILE",
        Description = "cloud-init's metadata (YAML with instance-id and local-hostname); without it the host name is --name, and the instance changes when --user-data does",
    };

    /// <summary>Firmware, which is refused.</summary>
    public Option<string?> Firmware { get; } = new("--firmware") { HelpName = "FILE", Description = "Not supported yet: disk images boot without firmware" };

    /// <summary>Decides what the partition boots.</summary>
    /// <exception cref="UsageException">The options do not go together.</exception>
    /// <exception cref="IOException">The loader, a file or a tool is missing.</exception>
    public BootPlan Plan(
        ParseResult parsed, string? kernel, string? initrd, string? append, string name, IReadOnlyList<(DiskOptions Options, DiskBus Bus)> disks, IDeviceOpener devices)
    {
        var given = devices as GivenDevices;
        if (parsed.GetValue(Firmware) is { } firmware) throw new UsageException($"--firmware '{firmware}' is not supported yet: leave it out, and the image's boot entry is started without firmware.");
        string? entry = parsed.GetValue(BootEntry);
        LoaderRequest? request = null;
        if (kernel is null)
        {
            if (disks.Count == 0) throw new UsageException("Nothing to boot: give --kernel FILE, or --disk IMAGE with a system that is installed on it.");
            if (initrd is not null) throw new UsageException($"--initrd '{initrd}' goes with --kernel; an image's entry brings its own.");
            if (disks[0].Options.Format == DiskFormat.Iso) throw new UsageException($"The first disk '{disks[0].Options.Path}' is a DVD, which does not boot: put the disk that does before it.");
            request = new LoaderRequest
            {
                Entry = entry,
                Append = append ?? "",
                FirstDisk = disks[0].Bus,
                DiskCount = disks.Count(disk => devices.Resolve(disk.Options).Format != DiskFormat.Iso),
            };
        }
        else if (entry is not null)
        {
            throw new UsageException($"--boot-entry '{entry}' and --kernel '{kernel}' exclude each other.");
        }

        LoaderFiles? loader = request is null ? null : LoaderFiles.Find(given is null ? null : given.HasFile);
        // Whoever has opened everything has made it.
        CloudSeed? seed = given is null ? CloudSeed.Make(parsed.GetValue(UserData), parsed.GetValue(MetaData), name) : null;
        IReadOnlyList<DiskOptions> seeds = given?.FurtherDisks ?? (seed is null ? [] : [seed.Disk]);
        return new BootPlan(kernel ?? loader!.Kernel, loader?.Initrd ?? initrd, request?.CommandLine() ?? append ?? "console=ttyS0", request, seeds, seed);
    }
}
