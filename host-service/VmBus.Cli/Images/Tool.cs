using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VmBus.Cli.Images;

/// <summary>How a program of the host ended.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">What it wrote, unless that was shown.</param>
/// <param name="Error">The last line of what it said on standard error, for people.</param>
/// <param name="Interrupted">Whether a signal to this program ended it.</param>
internal sealed record ToolResult(int Status, string Output, string Error, bool Interrupted);

/// <summary>Runs programs of the host that do what this program leaves to them.</summary>
internal static class Tool
{
    private const int MaximumErrorCharacters = 500;

    /// <summary>Runs a program to its end; SIGINT and SIGTERM end it, and not this program.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="package">Debian's package that holds it.</param>
    /// <param name="arguments">What it gets.</param>
    /// <param name="showOutput">Whether its standard output is ours.</param>
    /// <exception cref="FileNotFoundException">It is not installed.</exception>
    public static ToolResult Run(string program, string package, IReadOnlyList<string> arguments, bool showOutput = false)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = !showOutput };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C.UTF-8";
        try
        {
            using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} was not started");
            bool interrupted = false;

            void OnSignal(PosixSignalContext context)
            {
                context.Cancel = true;
                interrupted = true;
                process.Kill();
            }

            using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
            using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
            Task<string> output = showOutput ? Task.FromResult("") : process.StandardOutput.ReadToEndAsync();
            string last = "";
            while (process.StandardError.ReadLine() is { } line)
            {
                if (line.Length > 0) last = line.Length > MaximumErrorCharacters ? line[..MaximumErrorCharacters] : line;
            }

            process.WaitForExit();
            string prefix = $"{program}: ";
            return new ToolResult(process.ExitCode, output.GetAwaiter().GetResult(), last.StartsWith(prefix, StringComparison.Ordinal) ? last[prefix.Length..] : last, interrupted);
        }
        catch (Win32Exception e)
        {
            throw new FileNotFoundException($"The program {program} cannot be started ({e.Message}); install Debian's {package}.", e);
        }
    }
}
