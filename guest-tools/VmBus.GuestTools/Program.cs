using System.CommandLine;
using VmBus.GuestTools.Commands;

namespace VmBus.GuestTools;

/// <summary>The <c>vmbus-guest</c> command.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        ParseResult parsed = CreateRoot().Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            // A word that is no command is also reported as a missing command, first; the second error names the word.
            bool namesWord = parsed.Errors.Count > 1 && parsed.CommandResult.Command.Subcommands.Count > 0;
            Console.Error.WriteLine($"vmbus-guest: {parsed.Errors[namesWord ? 1 : 0].Message}");
            Console.Error.WriteLine("vmbus-guest: 'vmbus-guest --help' lists the commands, 'vmbus-guest COMMAND --help' the options of one.");
            return ExitStatus.BadUsage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (ToolException e)
        {
            Console.Error.WriteLine($"vmbus-guest: {e.Message}");
            return e.Status;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"vmbus-guest: {e.Message}");
            return ExitStatus.Failure;
        }
    }

    /// <summary>All commands.</summary>
    internal static RootCommand CreateRoot() => new("Tools for a Linux guest of Hyper-V, Azure or VmBus: the daemon that serves the host's requests, and commands that show the VMBus.")
    {
        DevicesCommand.Create(),
        DevicesCommand.CreateChannel(),
        StatusCommand.Create(),
        KvpCommand.Create(),
        TimeCommand.Create(),
        BenchCommand.Create(),
        ConformanceCommand.Create(),
        RunCommand.Create(),
        ThawCommand.Create(),
    };
}
