using System.Diagnostics;
using VmBus.TestKit.SpecTables;

namespace VmBus.TestKit.Tracing;

/// <summary>tshark with the dissector that is kept beside the pages.</summary>
public static class Tshark
{
    private const char Separator = '\u001f';

    /// <summary>The fields of every packet of a file; empty where a packet has none.</summary>
    /// <exception cref="InvalidOperationException">tshark, or the dissector in it, has failed.</exception>
    public static async Task<IReadOnlyList<string[]>> FieldsAsync(string path, params string[] fields)
    {
        List<string> arguments = ["-r", path, "-T", "fields", "-E", $"separator={Separator}", "-E", "occurrence=f"];
        foreach (string field in fields) arguments.AddRange(["-e", field]);
        string output = await RunAsync(arguments);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(Separator))];
    }

    /// <summary>Everything that is shown of every packet.</summary>
    /// <exception cref="InvalidOperationException">tshark, or the dissector in it, has failed.</exception>
    public static Task<string> ShowAsync(string path) => RunAsync(["-r", path, "-V"]);

    private static async Task<string> RunAsync(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("tshark") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add("-X");
        start.ArgumentList.Add($"lua_script:{Path.Combine(Repository.Root, "protocol-spec", "vmbus.lua")}");
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> reading = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        string output = await reading;
        await process.WaitForExitAsync();
        bool failed = process.ExitCode != 0 || error.Contains("Lua", StringComparison.Ordinal) || output.Contains("Lua Error", StringComparison.Ordinal)
            || output.Contains("Malformed", StringComparison.Ordinal);
        return failed ? throw new InvalidOperationException($"tshark ended with {process.ExitCode}: {error}{output}") : output;
    }
}
