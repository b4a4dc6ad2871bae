using System.CommandLine;
using VmBus.GuestTools.Backup;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest thaw</c>: the way out when the daemon has died with frozen file systems.</summary>
internal static class ThawCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("thaw", "Thaws what a daemon that has died had frozen, and tells the programs of its freeze; its unit runs this itself.");
        command.SetAction(static _ => new LeftOver(new FrozenRecord(FrozenRecord.DefaultPath), new FrozenRecord(FrozenRecord.DefaultHooksPath))
            .Thaw(static line => Console.Error.WriteLine($"vmbus-guest: {line}"))
            ? ExitStatus.Success
            : ExitStatus.Failure);
        return command;
    }
}
