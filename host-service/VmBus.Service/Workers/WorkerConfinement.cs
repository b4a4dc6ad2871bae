using VmBus.Native.Linux;

namespace VmBus.Service.Workers;

/// <summary>What a worker that is no unit of systemd is started through: programs that take from it what it does not need before its runtime has threads.</summary>
/// <remarks>
/// Root's workers get namespaces of their own for System V IPC, the host's name and mounts, and start with the capabilities of
/// <see cref="Capabilities"/>; every worker can gain no privileges. A host that does not allow some of that gets what it allows. Source: unshare(1), setpriv(1), capabilities(7).
/// </remarks>
internal sealed class WorkerConfinement
{
    private const string Setpriv = "/usr/bin/setpriv";
    private const string Unshare = "/usr/bin/unshare";

    // Files of any owner, TAPs and bridges, locked memory and its limits; and to start with less what serves images.
    private static readonly string[] Needed = ["chown", "dac_override", "dac_read_search", "fowner", "kill", "net_admin", "net_raw", "ipc_lock", "sys_nice", "sys_resource", "setpcap"];

    // passt becomes another user in namespaces of its own.
    private static readonly string[] NeededByPasst = ["setuid", "setgid", "sys_admin", "sys_chroot", "net_bind_service"];

    // To become another user, who has none and sees none of the host's data.
    private static readonly string[] NeededToDrop = ["setuid", "setgid", "sys_admin"];

    private readonly Lazy<int> _most = new(FindMost);

    /// <summary>What it comes to on this host, in words.</summary>
    public string Description => _most.Value switch
    {
        3 => "no new privileges, fewer capabilities, namespaces of their own (ipc, uts, mount)",
        2 => "no new privileges, fewer capabilities",
        1 => "no new privileges",
        _ => "nothing",
    };

    /// <summary>Names of the capabilities that a root's worker starts with: to open what it is made of, and then to become a user who has none, or to go on with them.</summary>
    /// <param name="startsPasst">Whether it may start passt.</param>
    /// <param name="drops">Whether it becomes such a user.</param>
    public static IEnumerable<string> Capabilities(bool startsPasst, bool drops) => Needed.Concat(startsPasst ? NeededByPasst : []).Concat(drops ? NeededToDrop : []).Distinct();

    /// <summary>The words before the worker's own, or those of a program that opens something for it.</summary>
    /// <param name="startsPasst">Whether it may start passt.</param>
    /// <param name="drops">Whether it becomes a user who has no rights.</param>
    public IReadOnlyList<string> Words(bool startsPasst, bool drops) => Words(_most.Value, startsPasst, drops);

    private static List<string> Words(int level, bool startsPasst, bool drops)
    {
        List<string> words = [];
        if (level >= 3) words.AddRange([Unshare, "--ipc", "--uts", "--mount", "--propagation", "slave", "--"]);
        if (level >= 1) words.AddRange([Setpriv, "--no-new-privs"]);
        if (level >= 2) words.AddRange(["--inh-caps=-all", $"--bounding-set=-all,+{string.Join(",+", Capabilities(startsPasst, drops))}"]);
        if (level >= 1) words.Add("--");
        return words;
    }

    // A container's root may not be allowed to.
    private static int FindMost() => Enumerable.Range(1, FileOwner.CurrentUser == 0 ? 3 : 1).Reverse().FirstOrDefault(Works);

    private static bool Works(int level)
    {
        List<string> words = [.. Words(level, startsPasst: true, drops: true), "/bin/true"];
        if (!File.Exists(Setpriv) || !File.Exists(words[0])) return false;
        using SessionProcess? probe = SessionProcess.TryStart(new SessionProgram(words[0], words, [], "/"), out _);
        return probe?.Reap() is (0, 0);
    }
}
