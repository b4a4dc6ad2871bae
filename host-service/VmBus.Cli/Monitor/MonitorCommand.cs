using VmBus.Cli.Options;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Monitor;

/// <summary>A command of the monitor.</summary>
internal abstract record MonitorCommand
{
    /// <summary>Shown by <c>help</c>.</summary>
    public const string Help =
        """
        help                        this list; Ctrl-A h shows the console's keys
        info                        name, state, uptime, VMBus version, channels
        memory                      what the guest has of memory, and what it says that it needs
        memory set SIZE             have the guest give memory back or take more, until it has SIZE (2G)
        disk list                   the disks
        disk add PATH[,KEY=VALUE]…  give the guest a disk; the keys are those of --disk
        disk remove ID              take a disk from the guest
        disk resize ID [SIZE]       tell the guest a disk's new size; with SIZE (10G) its file is grown first
        nic list                    the network adapters, with frames, bytes and drops of each queue
        nic add LINK[,KEY=VALUE]…   give the guest a network adapter; links and keys are those of --nic
        nic remove ID               take a network adapter from the guest
        poweroff                    ask the guest to power off; it is ended when it has not after --stop-timeout
        quit                        end the partition at once

        """ + IntegrationCommand.Help;

    /// <summary>Reads a line.</summary>
    /// <returns>Null for an empty line.</returns>
    /// <exception cref="UsageException">It is no command; the message says what is.</exception>
    /// <exception cref="DiskException">An option of a disk is wrong.</exception>
    /// <exception cref="LinkException">An option of a network adapter is wrong.</exception>
    public static MonitorCommand? Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words switch
        {
            [] => null,
            ["help" or "?"] => new ShowHelp(),
            ["info"] => new ShowInfo(),
            ["poweroff"] => new PowerOff(null),
            ["quit" or "q"] => new Quit(),
            ["memory"] => new ShowMemory(),
            ["memory", "set", var size] => new SetMemory(ParseSize(size)),
            ["memory", ..] => throw new UsageException("memory takes nothing, or set and a size: memory set SIZE"),
            ["disk", "list"] => new ListDisks(),
            // The rest of the line is one argument: a path may have spaces.
            ["disk", "add", _, ..] => new AddDisk(DiskOption.Complete(line[AfterTwoWords(line)..].Trim())),
            ["disk", "remove", var id] => new RemoveDisk(id),
            ["disk", "resize", var id] => new ResizeDisk(id, null),
            ["disk", "resize", var id, var size] => new ResizeDisk(id, ParseSize(size)),
            ["disk", "add"] => throw new UsageException("disk add needs a path: disk add PATH[,KEY=VALUE]…"),
            ["disk", "remove", ..] => throw new UsageException("disk remove takes one id, as disk list shows it: disk remove ID"),
            ["disk", "resize", ..] => throw new UsageException("disk resize takes an id, as disk list shows it, and perhaps a size: disk resize ID [SIZE]"),
            ["disk", ..] => throw new UsageException("disk takes list, add, remove or resize; 'help' tells more."),
            ["nic", "list"] => new ListNics(),
            ["nic", "add", var nic] => new AddNic(NicOption.Checked(nic)),
            ["nic", "remove", var id] => new RemoveNic(id),
            ["nic", "add", ..] => throw new UsageException("nic add takes one link: nic add LINK[,KEY=VALUE]…"),
            ["nic", "remove", ..] => throw new UsageException("nic remove takes one id, as nic list shows it: nic remove ID"),
            ["nic", ..] => throw new UsageException("nic takes list, add or remove; 'help' tells more."),
            [var verb, ..] when IntegrationCommand.IsVerb(verb) => IntegrationCommand.Parse(line),
            ["help" or "?" or "info" or "poweroff" or "quit" or "q", var more, ..] => throw new UsageException($"{words[0]} takes nothing after it, and '{more}' is there."),
            _ => throw new UsageException($"'{words[0]}' is no command; 'help' lists them."),
        };
    }

    /// <summary>Reads the size of a disk, or of memory.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public static long ParseSize(string text) => SizeParser.TryParse(text, out long bytes) && bytes > 0
        ? bytes
        : throw new UsageException($"'{text}' is not a size; write it as 10G or 512M.");

    private static int AfterTwoWords(string line)
    {
        int at = 0;
        for (int word = 0; word < 2; word++)
        {
            while (char.IsWhiteSpace(line[at])) at++;
            while (!char.IsWhiteSpace(line[at])) at++;
        }

        return at;
    }

    /// <summary><c>help</c>.</summary>
    internal sealed record ShowHelp : MonitorCommand;

    /// <summary><c>info</c>.</summary>
    internal sealed record ShowInfo : MonitorCommand;

    /// <summary><c>memory</c>.</summary>
    internal sealed record ShowMemory : MonitorCommand;

    /// <summary><c>memory set</c>.</summary>
    internal sealed record SetMemory(long Bytes) : MonitorCommand;

    /// <summary><c>disk list</c>.</summary>
    internal sealed record ListDisks : MonitorCommand;

    /// <summary><c>disk add</c>.</summary>
    internal sealed record AddDisk(string Options) : MonitorCommand;

    /// <summary><c>disk remove</c>.</summary>
    internal sealed record RemoveDisk(string Id) : MonitorCommand;

    /// <summary><c>disk resize</c>.</summary>
    internal sealed record ResizeDisk(string Id, long? Bytes) : MonitorCommand;

    /// <summary><c>nic list</c>.</summary>
    internal sealed record ListNics : MonitorCommand;

    /// <summary><c>nic add</c>.</summary>
    internal sealed record AddNic(string Options) : MonitorCommand;

    /// <summary><c>nic remove</c>.</summary>
    internal sealed record RemoveNic(string Id) : MonitorCommand;

    /// <summary><c>poweroff</c>; without a limit the one that the partition was started with.</summary>
    internal sealed record PowerOff(TimeSpan? Limit) : MonitorCommand;

    /// <summary><c>quit</c>.</summary>
    internal sealed record Quit : MonitorCommand;
}
