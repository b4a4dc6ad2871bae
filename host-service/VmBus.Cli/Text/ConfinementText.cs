using System.Globalization;
using System.Numerics;
using VmBus.Cli.Options;
using VmBus.Native.Sandbox;

namespace VmBus.Cli.Text;

/// <summary>What a process has been kept from, as the kernel tells of it. Source: proc_pid_status(5), proc_pid_mountinfo(5), namespaces(7).</summary>
internal static class ConfinementText
{
    private static readonly string[] Namespaces = ["ipc", "mnt", "net", "pid", "user", "uts"];

    /// <summary>One line; null when the process has ended, or is another user's.</summary>
    public static string? Of(int process)
    {
        try
        {
            bool given = File.ReadAllText($"/proc/{process}/cmdline").Split('\0').Contains(GivenOption.Name);
            bool sees = !File.ReadLines($"/proc/{process}/mountinfo").Any(static line => line.Contains($" - tmpfs {MountView.Source} ", StringComparison.Ordinal));
            return Of(File.ReadAllText($"/proc/{process}/status"), Namespaces.Where(name => IsOwn(process, name)), given, sees);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The same from the kernel's text.</summary>
    /// <param name="status">What /proc/PID/status holds.</param>
    /// <param name="ownNamespaces">Those that are not this process's.</param>
    /// <param name="given">Whether it opens nothing itself.</param>
    /// <param name="sees">Whether it sees the host's files, as far as its user may.</param>
    internal static string Of(string status, IEnumerable<string> ownNamespaces, bool given, bool sees)
    {
        var values = status.Split('\n').Select(static line => line.Split(':', 2)).Where(static pair => pair.Length == 2).ToDictionary(static pair => pair[0], static pair => pair[1].Trim(), StringComparer.Ordinal);
        string Value(string key) => values.GetValueOrDefault(key, "");
        int filters = int.TryParse(Value("Seccomp_filters"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : Value("Seccomp") == "2" ? 1 : 0;
        _ = ulong.TryParse(Value("CapBnd"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong capabilities);
        string[] own = [.. ownNamespaces];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"user {Value("Uid").Split('\t')[0]}, {(given ? "given what it uses" : "opens what it uses")}, {filters} system call filter{(filters == 1 ? "" : "s")}, {(Value("NoNewPrivs") == "1" ? "no new privileges" : "may gain privileges")}, at most {BitOperations.PopCount(capabilities)} capabilities, {(sees ? "sees the host's files" : "sees no data of the host's")}, {(own.Length == 0 ? "the host's namespaces" : $"namespaces of its own: {string.Join(' ', own)}")}");
    }

    private static bool IsOwn(int process, string name)
        => new FileInfo($"/proc/{process}/ns/{name}").LinkTarget is { } target && target != new FileInfo($"/proc/self/ns/{name}").LinkTarget;
}
