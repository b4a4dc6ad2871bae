using System.CommandLine;
using VmBus.Cli.Commands;

namespace VmBus.Cli;

/// <summary>The <c>vmbus</c> command.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        var root = new RootCommand("A Hyper-V-compatible VMBus host for KVM: runs unmodified guests made for Hyper-V or Azure.")
        {
            RunCommand.Create(),
            BootEntriesCommand.Create(),
            ConvertCommand.Create(),
            ResizeCommand.Create(),
            ExportCommand.Create(),
            ShowCommand.Create(),
            MemoryCommand.Create(),
            DiskCommand.Create(),
            NicCommand.Create(),
            ConsoleCommand.Create(),
            ExecCommand.Create(),
            EventsCommand.Create(),
            TopCommand.Create(),
            EndCommand.CreateStop(),
            EndCommand.CreateKill(),
            DoctorCommand.Create(),
        };
        foreach (Command command in GuestCommand.CreateAll()) root.Add(command);
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            // A word that is no command is also reported as a missing command, first; the second error names the word.
            bool namesWord = parsed.Errors.Count > 1 && parsed.CommandResult.Command.Subcommands.Count > 0;
            Console.Error.WriteLine($"vmbus: {parsed.Errors[namesWord ? 1 : 0].Message}");
            Console.Error.WriteLine("vmbus: 'vmbus --help' lists the commands, 'vmbus COMMAND --help' the options of one.");
            return ExitStatus.BadUsage;
        }

        // Signals belong to the commands: a guest is asked to power off before the process ends.
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }
}
