using System.Diagnostics;

namespace VmBus.Benchmarks.Guest;

/// <summary>Runs small programs of the host.</summary>
internal static class HostCommand
{
    internal static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
