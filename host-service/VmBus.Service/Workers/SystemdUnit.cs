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
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET",
    ];

    /// <summary>Whether systemd runs this host.</summary>
    public static bool IsPossible => Directory.Exists("/run/systemd/system") && File.Exists(Run);

    /// <summary>Starts a worker.</summary>
    /// <param name="definition">The partition.</param>
    /// <param name="files">Its files; its log gets what systemd-run says as well.</param>
    /// <param name="arguments">The program and its arguments.</param>
    /// <param name="drops">Whether it becomes a user who has no rights.</param>
    /// <param name="log">The log.</param>
    /// <param name="variables">The environment of systemd-run.</param>
    /// <exception cref="IOException">It does not start.</exception>
    public static RunningProcess Start(
        PartitionDefinition definition, WorkerFiles files, IReadOnlyList<string> arguments, bool drops, LinuxFile log, IReadOnlyList<string> variables)
    {
        string name = definition.Name;
        string unit = $"vmbus-{name}.service";
        string[] properties =
        [
            .. LimitsFor(files, definition.StartsPasst, drops), "LimitNOFILE=65536", "KillMode=mixed", "OOMPolicy=continue",
            string.Create(CultureInfo.InvariantCulture, $"TimeoutStopSec={(definition.StopTimeout + Grace).TotalSeconds}"),
        ];
        if (Ask(["--service-type=exec", $"--unit={unit}", $"--description=Partition {name} (VmBus)"], properties, arguments, log, variables) is not (0, 0) and var (status, _))
            throw new IOException(new WorkerLog(files.Log).LastWords() ?? $"systemd-run has ended with status {status}.");

        // It is the unit's first process; one that has ended already has left its last words.
        return FirstProcess(unit) is { } number && RunningProcess.TryOpen(number) is { } process
            ? process
            : throw new IOException(WorkerEnd.Of(files, 0, null).Detail);
    }

    /// <summary>Runs a program to its end that opens something for a worker. What it has started for that is a unit as long as it runs.</summary>
    /// <param name="definition">The partition.</param>
    /// <param name="files">Its files; its log gets what the program says.</param>
    /// <param name="startsPasst">Whether it may start passt.</param>
    /// <param name="arguments">The program and its arguments.</param>
    /// <param name="log">The log.</param>
    /// <param name="variables">The environment of systemd-run.</param>
    /// <returns>Whether it has done it.</returns>
    /// <exception cref="IOException">systemd-run does not start.</exception>
    public static bool Give(
        PartitionDefinition definition, WorkerFiles files, bool startsPasst, IReadOnlyList<string> arguments, LinuxFile log, IReadOnlyList<string> variables)
        => Ask(
            ["--service-type=forking", $"--unit=vmbus-{definition.Name}-{Guid.NewGuid():n}.service", $"--description=Device of partition {definition.Name} (VmBus)"],
            [.. LimitsFor(files, startsPasst, drops: false)],
            arguments,
            log,
            variables) is (0, 0);

    private static IEnumerable<string> LimitsFor(WorkerFiles files, bool startsPasst, bool drops)
    {
        string[] own =
        [
            $"StandardOutput=append:{files.Log}", $"StandardError=append:{files.Log}",
            $"CapabilityBoundingSet={string.Join(' ', WorkerConfinement.Capabilities(startsPasst, drops).Select(static capability => $"CAP_{capability.ToUpperInvariant()}"))}",
        ];
        // A view of its own is made of a mount namespace and mounts, as the last before the rights to them are dropped.
        string[] spaces = startsPasst ? [] : drops ? ["RestrictNamespaces=mnt", "SystemCallFilter=~@mount", "SystemCallFilter=mount"] : ["RestrictNamespaces=yes", "SystemCallFilter=~@mount"];
        return Limits.Concat(own).Concat(spaces);
    }

    // systemd-run ends when the program has begun; with the type forking, when it has ended.
    private static (int Status, int Signal) Ask(
        IEnumerable<string> options, IEnumerable<string> properties, IEnumerable<string> arguments, LinuxFile log, IReadOnlyList<string> variables)
    {
        string[] words = [Run, "--quiet", "--collect", $"--slice={Slice}", .. options, .. properties.SelectMany(static property => new[] { "--property", property }), "--", .. arguments];
        using SessionProcess run = SessionProcess.TryStart(new SessionProgram(Run, words, variables, "/") { Output = log, ErrorOutput = log }, out int errno)
            ?? throw new LinuxException($"Starting '{Run}' failed", errno);
        return run.Reap();
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
