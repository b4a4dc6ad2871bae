using System.Diagnostics;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>Runs QEMU's tools.</summary>
internal static class Tools
{
    internal static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs a program to its end; its output in one string.</summary>
    internal static (int Status, string Output) Run(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    internal static Process Start(string program, params string[] arguments) => Start(program, new Dictionary<string, string>(), arguments);

    internal static Process Start(string program, IReadOnlyDictionary<string, string> variables, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    internal static void MustRun(string program, params string[] arguments)
    {
        (int status, string output) = Run(program, arguments);
        Assert.True(status == 0, $"{program} {string.Join(' ', arguments)} gave {status}: {output}");
    }
}

/// <summary>A test that needs QEMU's image tools and libnbd; skipped with the reason where one is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class QemuToolsFactAttribute : FactAttribute
{
    public QemuToolsFactAttribute() => Skip = QemuTools.Missing;
}

/// <summary>A test that needs QEMU's image tools and libnbd; skipped with the reason where one is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class QemuToolsTheoryAttribute : TheoryAttribute
{
    public QemuToolsTheoryAttribute() => Skip = QemuTools.Missing;
}

/// <summary>Tests that start QEMU's tools run one after another: one of them hides the tools from the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class QemuTools
{
    internal const string Name = "qemu tools";

    internal static string? Missing { get; } =
        new[] { "qemu-img", "qemu-io", "qemu-nbd" }.FirstOrDefault(program => !Tools.Has(program)) is { } program
            ? $"{program} is not installed (package qemu-utils)"
            : Native.Nbd.NbdConnection.IsInstalled ? null : "libnbd.so.0 is not installed (package libnbd0)";
}
