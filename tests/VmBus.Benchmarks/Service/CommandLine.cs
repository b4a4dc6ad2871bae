using System.Diagnostics;

namespace VmBus.Benchmarks.Service;

/// <summary>Programs that are run to their end, with their output thrown away.</summary>
internal static class CommandLine
{
    /// <summary>Runs one.</summary>
    /// <exception cref="InvalidOperationException">It has failed.</exception>
    internal static void Run(ProcessStartInfo start, string input = "")
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        _ = output.GetAwaiter().GetResult();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}: {errors.GetAwaiter().GetResult()}");
    }

    /// <summary>A program with arguments and variables.</summary>
    internal static ProcessStartInfo Of(string program, IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> variables)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return start;
    }

    /// <summary>Waits until a program succeeds: a daemon that has just been started answers.</summary>
    internal static void WaitFor(Func<ProcessStartInfo> start)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Run(start());
                return;
            }
            catch (InvalidOperationException) when (attempt < 300)
            {
                Thread.Sleep(100);
            }
        }
    }

    /// <summary>Ends a daemon.</summary>
    internal static void End(Process daemon)
    {
        using (Process kill = Process.Start("kill", ["-TERM", daemon.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])) kill.WaitForExit();
        if (!daemon.WaitForExit(TimeSpan.FromSeconds(20))) daemon.Kill(entireProcessTree: true);
        daemon.WaitForExit();
        daemon.Dispose();
    }
}
