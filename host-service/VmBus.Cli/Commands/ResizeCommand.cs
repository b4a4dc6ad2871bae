using System.CommandLine;
using VmBus.Cli.Images;
using VmBus.Cli.Options;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus resize</c>: another size for the disk in an image that no partition uses.</summary>
internal static class ResizeCommand
{
    private const int SectorBytes = 512;

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Argument<string> image = new("image") { HelpName = "IMAGE[,format=…]", Description = "The image: raw, qcow2, vhdx, vhd or vmdk, by its name or by format=" };
        Argument<string> size = new("size") { HelpName = "[+]SIZE", Description = "The new size with suffix K, M, G or T, or with + how much is added" };
        Option<bool> shrink = new("--shrink") { Description = "Allow a smaller size (raw and qcow2): what was behind the new end is lost" };
        var command = new Command(
            "resize",
            "Changes the size of a disk image that no partition uses (qemu-img does it; 'vmbus disk resize' is for those that run). Partitions and file systems are the guest's to enlarge.")
        {
            image, size, shrink,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
            Resize(DiskFactory.Resolve(DiskOption.Parse(parsed.GetValue(image)!)), parsed.GetValue(size)!, parsed.GetValue(shrink))));
        return command;
    }

    private static int Resize(DiskOptions image, string text, bool shrink)
    {
        bool more = text.StartsWith('+');
        if (!SizeParser.TryParse(more ? text[1..] : text, out long bytes) || bytes == 0 || bytes % SectorBytes != 0)
            throw new UsageException($"Size '{text}': write a multiple of {SectorBytes} bytes such as 20G, or +5G for so much more.");
        long before = ImageFile.SizeOf(image);
        if (more) bytes = bytes <= long.MaxValue - before ? bytes + before : throw new UsageException($"Size '{text}' is too much.");
        if (bytes < before)
        {
            if (image.Format is not (DiskFormat.Raw or DiskFormat.Qcow2)) throw new IOException($"Image '{image.Path}' has {SizeParser.Format(before)}; {DiskFactory.NameOf(image.Format)} images cannot be made smaller.");
            if (!shrink) throw new IOException($"Image '{image.Path}' has {SizeParser.Format(before)}; what is behind {SizeParser.Format(bytes)} would be lost: give --shrink to do so.");
        }

        if (bytes != before && !ImageFile.Resize(image, bytes, shrink && bytes < before)) return ExitStatus.Interrupted;
        Console.Out.WriteLine($"{image.Path} has {SizeParser.Format(bytes)} now, before {SizeParser.Format(before)}");
        return ExitStatus.Success;
    }
}
