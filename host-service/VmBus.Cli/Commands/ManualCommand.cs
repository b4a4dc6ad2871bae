using System.CommandLine;
using System.Text;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus manual</c>: the manual page, made of the commands as they are.</summary>
internal static class ManualCommand
{
    private const int MaximumDepth = 4;

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("manual", "Prints the manual page of this program, for man(1): 'vmbus manual | man -l -'.");
        command.SetAction(static parsed => Console.Out.Write(Page((RootCommand)parsed.RootCommandResult.Command)));
        return command;
    }

    /// <summary>The page, in the language of man(7).</summary>
    internal static string Page(RootCommand root)
    {
        var page = new StringBuilder();
        page.Append($".TH VMBUS 1 \"\" \"{Text(ControlCommand.ProgramName)}\"\n.SH NAME\nvmbus, vmbusd \\- {Text(root.Description ?? "")}\n");
        page.Append(".SH SYNOPSIS\n.B vmbus\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n.SH COMMANDS\n");
        foreach (Command command in root.Subcommands.Where(static one => !one.Hidden).OrderBy(static one => one.Name, StringComparer.Ordinal)) Add(page, command, "vmbus", MaximumDepth);
        page.Append(".SH OPTIONS OF ALL COMMANDS\n");
        foreach (Option option in root.Options.Where(static one => one.Recursive && !one.Hidden)) Add(page, option);
        page.Append(
            ".SH EXIT STATUS\n0 the command did what it was asked, or the guest powered off; 1 something failed, and one line on standard error says what; 2 bad usage; "
            + "3 the guest crashed, or reset where that ends the partition; 130 interrupted.\n"
            + ".SH ENVIRONMENT\n.TP\n.B VMBUS_CONTROL\nThe control socket of a partition, for commands without PARTITION.\n.TP\n.B VMBUS_SERVICE\nThe socket of the service.\n"
            + ".TP\n.B VMBUS_LOADER\nThe folder of the loader of disk images (kernel, initrd), instead of /usr/lib/vmbus/loader.\n"
            + ".SH FILES\n.TP\n.I /etc/vmbus/partitions/NAME.json\nDefinitions of partitions, as /usr/share/vmbus/partition.schema.json describes them.\n"
            + ".TP\n.I /etc/vmbus/appsettings.json\nSettings of the service.\n.TP\n.I /run/vmbus\nSockets and logs of the partitions that run.\n"
            + ".SH SEE ALSO\n.BR systemctl (1),\n.BR qemu-img (1),\n.BR passt (1)\n");
        return page.ToString();
    }

    private static void Add(StringBuilder page, Command command, string before, int depth)
    {
        string name = $"{before} {command.Name}";
        if (command.Subcommands.Count == 0)
        {
            page.Append($".SS {Text(name)}");
            foreach (Argument argument in command.Arguments)
            {
                string word = argument.Arity.MaximumNumberOfValues > 1 ? argument.Name + "..." : argument.Name;
                page.Append(argument.Arity.MinimumNumberOfValues == 0 ? $" [{Text(word)}]" : $" {Text(word)}");
            }

            page.Append($"\n{Text(command.Description ?? "")}\n");
            if (command.Aliases.Count > 0) page.Append($"Also: {Text(string.Join(", ", command.Aliases))}.\n");
            foreach (Argument argument in command.Arguments.Where(static one => one.Description is not null)) page.Append($".TP\n.I {Text(argument.Name)}\n{Text(argument.Description!)}\n");
            foreach (Option option in command.Options.Where(static one => !one.Hidden && one.Name != "--help")) Add(page, option);
        }

        if (depth == 0) return;
        foreach (Command inner in command.Subcommands) Add(page, inner, name, depth - 1);
    }

    private static void Add(StringBuilder page, Option option)
    {
        string names = string.Join(", ", option.Aliases.Prepend(option.Name).Select(Text));
        string value = option.Arity.MaximumNumberOfValues == 0 || option.HelpName is null ? "" : $" {Text(option.HelpName)}";
        page.Append($".TP\n.B {names}{value}\n{Text(option.Description ?? "")}\n");
    }

    // A backslash, a dash, and a dot or quote at a line's beginning mean something to man.
    private static string Text(string text)
    {
        string escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal).ReplaceLineEndings(" ");
        return escaped is ['.' or '\'', ..] ? "\\&" + escaped : escaped;
    }
}
