using System.CommandLine;
using VmBus.Cli.Monitor;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus show</c>: how a partition stands.</summary>
internal static class ShowCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create() => ControlCommand.Create(
        "show", "Shows a running partition: name, state, uptime, VMBus version, channels.", [], static _ => new MonitorCommand.ShowInfo());
}
