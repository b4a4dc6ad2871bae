using System.CommandLine;
using VmBus.Cli.Commands;
using VmBus.Cli.Options;

namespace VmBus.Cli;

/// <summary>The <c>vmbus</c> command.</summary>
internal static class Program
{
    /// <summary>All commands.</summary>
    internal static RootCommand CreateRoot()
    {
        var root = new RootCommand("A Hyper-V-compatible VMBus host for KVM: runs unmodified guests made for Hyper-V or Azure.")
        {
            RunCommand.Create(),
            ServeCommand.Create(),
            BootEntriesCommand.Create(),
            ConvertCommand.Create(),
            ResizeCommand.Create(),
            ExportCommand.Create(),
            ShowCommand.Create(),
            MemoryCommand.Create(),
            DiskCommand.Create(),
            NicCommand.Create(),
            GiveCommand.Create(),
            ConnectCommand.Create(),
            ConsoleCommand.Create(),
            ExecCommand.Create(),
            EventsCommand.Create(),
            TopCommand.Create(),
            TraceCommand.Create(),
            EndCommand.CreateStop(),
            EndCommand.CreateKill(),
            DoctorCommand.Create(),
            ConformanceCommand.Create(),
            DissectorCommand.Create(),
            ImportCommand.Create(),
            ManualCommand.Create(),
        };
        foreach (Command command in GuestCommand.CreateAll().Concat(ServiceCommand.CreateAll())) root.Add(command);
        root.Add(ServiceOption.Instance);
        return root;
    }

    private static int Main(string[] arguments)
    {
        RootCommand root = CreateRoot();
        ParseResult parsed = root.Parse(PartitionWords.Complete(root, arguments));
        if (parsed.Errors.Count > 0)
        {
            // A word that is no command is also reported as a missing command, first; the second error names the word.
            bool namesWord = parsed.Errors.Count > 1 && parsed.CommandResult.Command.Subcommands.Count > 0;
            string problem = PartitionTarget.IsMissing(parsed) ? PartitionTarget.Missing : parsed.Errors[namesWord ? 1 : 0].Message;
            Console.Error.WriteLine($"vmbus: {problem}");
            Console.Error.WriteLine("vmbus: 'vmbus --help' lists the commands, 'vmbus COMMAND --help' the options of one.");
            return ExitStatus.BadUsage;
        }

        // Signals belong to the commands: a guest is asked to power off before the process ends.
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }
}
