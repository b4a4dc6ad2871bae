using System.Globalization;

namespace VmBus.Native.Linux;

/// <summary>What a program is started through that is root's and needs little of what root may. Source: setpriv(1), capabilities(7), proc_pid_status(5).</summary>
internal static class RootsRights
{
    private const string Setpriv = "/usr/bin/setpriv";
    private const string Effective = "CapEff:";
    private const int CAP_SETPCAP = 8;

    /// <summary>The words before the program's own; none where this process is not root's, or may take no rights away.</summary>
    /// <param name="capabilities">Names of the capabilities that are left, as far as this process has them.</param>
    public static IReadOnlyList<string> Keep(IReadOnlyList<string> capabilities)
        => FileOwner.CurrentUser != 0 || !File.Exists(Setpriv) || !MayTakeAway() ? []
            : [Setpriv, "--inh-caps=-all", $"--bounding-set=-all{string.Concat(capabilities.Select(static one => ",+" + one))}", "--no-new-privs", "--"];

    private static bool MayTakeAway()
        => File.ReadLines("/proc/self/status").FirstOrDefault(static line => line.StartsWith(Effective, StringComparison.Ordinal)) is { } line
            && ulong.TryParse(line[Effective.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong mask) && (mask >> CAP_SETPCAP & 1) == 1;
}
