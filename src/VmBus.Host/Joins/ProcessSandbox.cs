using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Host.Joins;

/// <summary>Takes from this process what its partition has no use for; there is no way back. What a guest that breaks out of the devices could do is what is left.</summary>
internal static class ProcessSandbox
{
    private const string Bridges = "/sys/class/net";

    /// <summary>Takes it. All rings, children and links of the partition are there.</summary>
    public static void Enter(PartitionOptions options, IReadOnlyList<DiskInfo> disks, ILogger logger)
    {
        if (options.Sandbox == SandboxMode.Off) return;
        bool programs = options.Sandbox == SandboxMode.Spawn
            || (options.Devices.StartsPrograms && (disks.Any(static disk => IsServedByProgram(disk.Format)) || options.NetworkAdapters.Any(IsServedByProgram)));
        int errno = SystemCallFilter.TryInstall(programs);
        if (errno == 0) HostLog.Sandboxed(logger, options.Name, programs ? "may start programs" : "starts no programs any more");
        else HostLog.NotSandboxed(logger, options.Name, LinuxException.DescribeError(errno));
    }

    private static bool IsServedByProgram(DiskFormat format) => format is DiskFormat.Qcow2 or DiskFormat.Vhdx or DiskFormat.Vhd or DiskFormat.Vmdk;

    // passt is started anew when it has ended; Open vSwitch is told that a port goes.
    private static bool IsServedByProgram(NicOptions nic)
        => nic.Kind == LinkKind.User || (nic.Kind == LinkKind.Bridge && !Directory.Exists(Path.Combine(Bridges, nic.Target, "bridge")));
}
