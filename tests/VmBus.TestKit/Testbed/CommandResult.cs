namespace VmBus.TestKit.Testbed;

/// <summary>How a command in the testbed ended.</summary>
/// <param name="Command">The bash command line.</param>
/// <param name="ExitStatus">Its exit status; 124 when it reached its time limit.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Error">What it wrote to standard error.</param>
/// <param name="Folder">Where the command, its output and its error output lie after the run.</param>
public sealed record CommandResult(string Command, int ExitStatus, string Output, string Error, string Folder)
{
    /// <summary>The same result when the exit status is 0.</summary>
    /// <exception cref="InvalidOperationException">The exit status is another; the message holds the end of all output and the folder.</exception>
    public CommandResult EnsureSuccess() => ExitStatus == 0
        ? this
        : throw new InvalidOperationException(
            $"Exit status {ExitStatus} of: {Command}\n{Tail(Output)}\n{Tail(Error)}\nAll of it is in {Folder}");

    private static string Tail(string text) => text.Length <= 4000 ? text : "… " + text[^4000..];
}
