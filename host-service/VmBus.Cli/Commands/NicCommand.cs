using System.CommandLine;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus nic</c>: the network adapters of a running partition.</summary>
internal static class NicCommand
{
    /// <summary>Builds the command with its sub-commands.</summary>
    public static Command Create()
    {
        Argument<string> link = new("LINK") { Description = "tap=NAME|bridge=NAME|user|vhost-user=PATH[,KEY=VALUE]…, as --nic of 'vmbus run' takes it" };
        Argument<string> id = new("ID") { Description = "Its id, as 'vmbus nic list' shows it" };
        return new Command("nic", "Lists, adds and removes the network adapters of a running partition.")
        {
            ControlCommand.Create("list", "Lists the adapters, with frames, bytes and drops of each queue.", [], static _ => new MonitorCommand.ListNics()),
            ControlCommand.Create(
                "add", "Gives the guest a network adapter, which it finds by itself.", [link], parsed => new MonitorCommand.AddNic(NicOption.Checked(parsed.GetValue(link)!))),
            ControlCommand.Create("remove", "Takes a network adapter from the guest.", [id], parsed => new MonitorCommand.RemoveNic(parsed.GetValue(id)!)),
        };
    }
}
