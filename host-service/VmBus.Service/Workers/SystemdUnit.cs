using System.Globalization;
using VmBus.Native.Linux;
using VmBus.Service.Definitions;

namespace VmBus.Service.Workers;

/// <summary>Workers as units of systemd, vmbus-NAME.service in vmbus.slice: with a cgroup of their own, and without what a partition never needs.</summary>
/// <remarks>
/// A unit is systemd's child, not the service's: what the service is kept from by its own unit does not hold for its workers, and the other way round. Source: systemd-run(1),
/// systemd.exec(5).
/// </remarks>
internal static class SystemdUnit
{
    private const string Run = "/usr/bin/systemd-run";
    private const string Slice = "vmbus.slice";

    // Longer than the guest gets.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    // ProtectClock would also close every device that is not named.
    private static readonly string[] Limits =
    [
        "NoNewPrivileges=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectHostname=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes",
        "KeyringMode=private", "SystemCallArchitectures=native", "SystemCallErrorNumber=EPERM", "SystemCallFilter=~@clock @debug @module @obsolete @raw-io @reboot @swap bpf",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET", "LimitNOFILE=65536", "KillMode=mixed", "OOMPolicy=continue",
    ];

    /// <summary>Whether systemd runs this host.</summary>
    public static bool IsPossible => Directory.Exists("/run/systemd/system") && File.Exists(Run);

    /// <summary>Starts a worker.</summary>
    /// <param name="definition">The partition.</param>
    /// <param name="files">Its files; its log gets what systemd-run says as well.</param>
    /// <param name="arguments">The program and its arguments.</param>
    /// <param name="log">The log.</param>
    /// <param name="variables">The environment of systemd-run.</param>
    /// <exception cref="IOException">It does not start.</exception>
    public static RunningProcess Start(
        PartitionDefinition definition, WorkerFiles files, IReadOnlyList<string> arguments, LinuxFile log, IReadOnlyList<string> variables)
    {
        string name = definition.Name;
        string unit = $"vmbus-{name}.service";
        List<string> words = [Run, "--quiet", "--collect", "--service-type=exec", $"--unit={unit}", $"--slice={Slice}", $"--description=Partition {name} (VmBus)"];
        string[] own =
        [
            $"StandardOutput=append:{files.Log}", $"StandardError=append:{files.Log}",
            string.Create(CultureInfo.InvariantCulture, $"TimeoutStopSec={(definition.StopTimeout + Grace).TotalSeconds}"),
            $"CapabilityBoundingSet={string.Join(' ', WorkerConfinement.Capabilities(definition.StartsPasst).Select(static capability => $"CAP_{capability.ToUpperInvariant()}"))}",
        ];
        if (!definition.StartsPasst) own = [.. own, "RestrictNamespaces=yes", "SystemCallFilter=~@mount"];
        foreach (string property in Limits.Concat(own)) words.AddRange(["--property", property]);
        words.Add("--");
        words.AddRange(arguments);
        using (SessionProcess run = SessionProcess.TryStart(new SessionProgram(Run, words, variables, "/") { Output = log, ErrorOutput = log }, out int errno)
            ?? throw new LinuxException($"Starting '{Run}' failed", errno))
        {
            (int status, int signal) = run.Reap();
            if (status != 0 || signal != 0) throw new IOException(new WorkerLog(files.Log).LastWords() ?? $"systemd-run has ended with status {status}.");
        }

        // It is the unit's first process; one that has ended already has left its last words.
        return FirstProcess(unit) is { } number && RunningProcess.TryOpen(number) is { } process
            ? process
            : throw new IOException(WorkerEnd.Of(files, 0, null).Detail);
    }

    private static int? FirstProcess(string unit)
    {
        foreach (string root in new[] { "/sys/fs/cgroup", "/sys/fs/cgroup/systemd" })
        {
            string path = Path.Combine(root, Slice, unit, "cgroup.procs");
            if (!File.Exists(path)) continue;
            try
            {
                if (File.ReadLines(path).FirstOrDefault() is { } line && int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return number;
            }
            catch (IOException)
            {
                // The unit has ended meanwhile.
            }
        }

        return null;
    }
}
