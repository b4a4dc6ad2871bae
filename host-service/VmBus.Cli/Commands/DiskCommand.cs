using System.CommandLine;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus disk</c>: the disks of a running partition.</summary>
internal static class DiskCommand
{
    /// <summary>Builds the command with its sub-commands.</summary>
    public static Command Create()
    {
        Argument<string> disk = new("DISK") { Description = "PATH[,KEY=VALUE]…, as --disk of 'vmbus run' takes it" };
        Argument<string> removed = IdArgument();
        Argument<string> resized = IdArgument();
        Argument<string?> size = new("SIZE") { Arity = ArgumentArity.ZeroOrOne, Description = "Grow the file to this size first, such as 10G; without it, the file has been enlarged already" };
        return new Command("disk", "Lists, adds, removes and resizes the disks of a running partition.")
        {
            ControlCommand.Create("list", "Lists the disks.", [], static _ => new MonitorCommand.ListDisks()),
            ControlCommand.Create(
                "add", "Gives the guest a disk, which it finds by itself.", [disk], parsed => new MonitorCommand.AddDisk(DiskOption.Complete(parsed.GetValue(disk)!))),
            ControlCommand.Create(
                "remove", "Takes a disk from the guest: unmount it there first.", [removed], parsed => new MonitorCommand.RemoveDisk(parsed.GetValue(removed)!)),
            ControlCommand.Create(
                "resize",
                "Tells the guest a disk's new size.",
                [resized, size],
                parsed => new MonitorCommand.ResizeDisk(parsed.GetValue(resized)!, parsed.GetValue(size) is { } text ? MonitorCommand.ParseSize(text) : null)),
        };
    }

    private static Argument<string> IdArgument() => new("ID") { Description = "Its id, as 'vmbus disk list' shows it" };
}
