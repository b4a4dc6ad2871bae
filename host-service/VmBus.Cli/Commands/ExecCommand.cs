using System.CommandLine;
using VmBus.Cli.Exec;
using VmBus.Cli.Options;
using VmBus.Management.Client;
using VmBus.Protocol.Exec;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus exec</c>: a command in the guest of a running partition, without a network.</summary>
internal static class ExecCommand
{
    private const string Description =
        "Runs a command in the guest of a running partition, which 'vmbus run --exec' has allowed and whose guest runs vmbus-guest-exec. Its input, outputs and signals are "
        + "this command's own. Exit status: the command's; 128 and the number of the signal that ended it; 127 when the guest has no such program, 126 when it cannot be "
        + "run; 1 when it could not be started for another reason or its connection broke; 2 for bad usage. One line on standard error says which of the last four.";

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<string> user = new("--user") { HelpName = "USER", Description = "Run it as this user of the guest; without this, as the user that the service runs as", DefaultValueFactory = _ => "" };
        Option<string> folder = new("--cwd") { HelpName = "FOLDER", Description = "Begin in this folder of the guest; without this, in the user's own", DefaultValueFactory = _ => "" };
        Option<string[]> variables = new("--env") { HelpName = "NAME=VALUE", Description = "Add a variable to its environment; may be given more than once" };
        Option<bool> terminal = new("--tty", "-t") { Description = "Give it a terminal, which this one becomes the keyboard and screen of; it has one output then" };
        Option<bool> noInput = new("--no-stdin") { Description = "Give it empty input, and leave this command's own alone" };
        Argument<string[]> words = new("COMMAND") { Description = "After '--': the program, by name or path, and its arguments", Arity = ArgumentArity.OneOrMore };
        var command = new Command("exec", Description) { user, folder, variables, terminal, noInput };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.Add(words);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            bool onTerminal = parsed.GetValue(terminal);
            var request = new ExecRequest
            {
                Flags = (onTerminal ? ExecRequestFlags.Terminal : 0) | (parsed.GetValue(noInput) ? 0 : ExecRequestFlags.Input),
                Window = onTerminal ? ExecStreams.Standard.Size() : default,
                User = parsed.GetValue(user)!,
                Folder = parsed.GetValue(folder)!,
                Arguments = parsed.GetValue(words)!,
                Variables = Variables(parsed.GetValue(variables) ?? [], onTerminal),
            };
            if (request.Arguments[0].Length == 0) throw new UsageException("The command has no name.");
            return Run(target(parsed), request);
        }));
        return command;
    }

    private static int Run(PartitionTarget target, ExecRequest request)
    {
        ControlClient client = target.ConnectAsync().GetAwaiter().GetResult();
        try
        {
            Stream guest = client.OpenExecAsync(CancellationToken.None).GetAwaiter().GetResult();
            return new ExecClient(guest, ExecStreams.Standard).Run(request);
        }
        finally
        {
            client.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static List<string> Variables(string[] given, bool onTerminal)
    {
        foreach (string variable in given)
        {
            if (variable.IndexOf('=', StringComparison.Ordinal) <= 0) throw new UsageException($"--env '{variable}': write it as NAME=VALUE.");
        }

        // What kind of terminal this is, is the one thing that the guest cannot know.
        string? kind = Environment.GetEnvironmentVariable("TERM");
        List<string> variables = [.. given];
        if (onTerminal && !string.IsNullOrEmpty(kind)) variables.Insert(0, $"TERM={kind}");
        return variables;
    }
}
