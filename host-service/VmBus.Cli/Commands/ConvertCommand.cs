using System.CommandLine;
using VmBus.Cli.Images;
using VmBus.Cli.Options;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus convert</c>: an image in another format.</summary>
internal static class ConvertCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Argument<string> from = new("from") { HelpName = "FROM[,format=…]", Description = "The image: raw, qcow2, vhdx, vhd or vmdk, by its name or by format=" };
        Argument<string> to = new("to") { HelpName = "TO[,format=…]", Description = "The image to make: .raw, .img, .qcow2, .vhdx, .vhd or .vmdk, or any name with format=" };
        Option<bool> force = new("--force") { Description = "Replace TO when it is there" };
        var command = new Command("convert", "Copies a disk image into another format (qemu-img does it), with progress on a terminal. TO appears when it is complete.") { from, to, force };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            DiskOptions source = DiskFactory.Resolve(DiskOption.Parse(parsed.GetValue(from)!));
            DiskOptions target = DiskOption.Parse(parsed.GetValue(to)!);
            if (target.Format == DiskFormat.Automatic) target = target with { Format = DiskFactory.FormatOfName(target.Path) };
            if (target.Format is DiskFormat.Automatic or DiskFormat.Iso)
                throw new UsageException($"The name '{target.Path}' tells no format to convert to: say format=raw, qcow2, vhdx, vhd or vmdk.");
            if (Path.GetFullPath(source.Path) == Path.GetFullPath(target.Path)) throw new UsageException($"'{source.Path}' cannot be converted to itself.");
            if (Directory.Exists(target.Path)) throw new IOException($"'{target.Path}' is a folder: name a file in it.");
            if (!parsed.GetValue(force) && File.Exists(target.Path)) throw new IOException($"'{target.Path}' is there already: remove it, or give --force.");
            return ImageFile.Copy(source, target) ? ExitStatus.Success : ExitStatus.Interrupted;
        }));
        return command;
    }
}
