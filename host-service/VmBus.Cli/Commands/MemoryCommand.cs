using System.CommandLine;
using VmBus.Cli.Monitor;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus memory</c>: the memory of a running partition.</summary>
internal static class MemoryCommand
{
    /// <summary>Builds the command with its sub-commands.</summary>
    public static Command Create()
    {
        Argument<string> size = new("SIZE") { Description = "What the guest is to have, such as 2G: at most the max= of its --memory" };
        return new Command("memory", "Shows and changes how much memory the guest of a running partition has.")
        {
            ControlCommand.Create("show", "Shows what the guest has, and what it says that it needs.", [], static _ => new MonitorCommand.ShowMemory()),
            ControlCommand.Create(
                "set",
                "Has the guest give memory back or take more, and waits until it has. Memory is added in blocks (128M for most guests).",
                [size],
                parsed => new MonitorCommand.SetMemory(MonitorCommand.ParseSize(parsed.GetValue(size)!))),
        };
    }
}
