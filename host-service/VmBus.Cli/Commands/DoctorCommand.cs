using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Host.Images;
using VmBus.Lanes;
using VmBus.Machine;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus doctor</c>: what this host offers, one line each.</summary>
internal static class DoctorCommand
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);
    private static readonly string[] ProgramFolders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<bool> quiet = new("--quiet") { Description = "Print nothing; the exit status tells" };
        var command = new Command("doctor", "Shows what this host offers for partitions and what is missing, and what the partitions of the service that run are kept from. Exit status 0 when partitions can run here, 1 when not.") { quiet };
        command.SetAction(parsed => Check(parsed.GetValue(quiet) ? TextWriter.Null : Console.Out, ServiceOption.PathOf(parsed)));
        return command;
    }

    private static int Check(TextWriter output, string service)
    {
        bool complete = CheckKvm(output);
        using (Lane lane = Lane.Start("probe", NullLogger.Instance))
        {
            bool ring = lane.EngineName.StartsWith("io_uring", StringComparison.Ordinal);
            Line(output, ring, needed: false, "io_uring", "serve disks without a thread per request, by rings that can do nothing else (else epoll and a thread pool serve)");
        }

        Line(output, FindProgram("qemu-nbd"), needed: false, "qemu-nbd", "open qcow2, vhdx, vhd and vmdk images (package qemu-utils); for partitions of the service at any time, whatever their sandbox");
        Line(output, FindLibrary("libnbd.so.0"), needed: false, "libnbd", "open qcow2, vhdx, vhd and vmdk images (package libnbd0)");
        Line(output, FindProgram("qemu-img"), needed: false, "qemu-img", "convert and resize images (package qemu-utils)");
        Line(output, LoaderFiles.TryFind() is not null, needed: false, "loader", "boot disk images as they are (vmbus-make-loader makes it; host-service/vmbus has its own)");
        Line(output, FindProgram("xorrisofs"), needed: false, "xorrisofs", "give guests cloud-init's data, --user-data (package xorriso)");
        Line(output, CanOpen("/dev/net/tun"), needed: false, "/dev/net/tun", "use and make TAP interfaces, and join bridges (modprobe tun; as root, or with the file's permission)");
        Line(output, FindProgram("passt"), needed: false, "passt", "give guests a network without privileges (package passt); for partitions of the service at any time, whatever their sandbox");
        Line(output, SystemCallFilter.IsPossible(), needed: false, "seccomp", "take system calls from a partition that it does not need, before its guest runs (--sandbox)");
        Line(output, FindProgram("setpriv"), needed: false, "setpriv", "run root's workers of the service as users of their own who have no rights, once everything is open for them, and keep them from gaining privileges (package util-linux)");
        Line(output, FileOwner.CurrentUser == 0 && MountView.IsPossible(), needed: false, "mount view", "hide the host's data from workers of the service that are users of their own, and from 'vmbus run --run-as' (as root)");
        Line(
            output,
            FindProgram("unshare") && FileOwner.CurrentUser == 0,
            needed: false,
            "unshare",
            "give the service's workers namespaces of their own where systemd does not run (package util-linux; as root)");
        Line(
            output,
            Directory.Exists("/run/systemd/system") && FileOwner.CurrentUser == 0,
            needed: false,
            "systemd",
            "make workers units with a cgroup of their own, fewer system calls and fewer kinds of sockets (else sessions; needs root and a host that systemd runs)");
        foreach (string line in Workers(service)) output.WriteLine(line);
        output.WriteLine(complete ? "Partitions can run on this host." : "Partitions cannot run on this host.");
        return complete ? ExitStatus.Success : ExitStatus.Failure;
    }

    // What is in force is what the kernel says of each worker. Without a service there is nothing to tell.
    private static IReadOnlyList<string> Workers(string service)
    {
        using var limit = new CancellationTokenSource(AnswerLimit);
        try
        {
            return ListAsync(service, limit.Token).GetAwaiter().GetResult();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return [];
        }
    }

    private static async Task<IReadOnlyList<string>> ListAsync(string path, CancellationToken cancellation)
    {
        ControlClient service = await ServiceOption.ConnectAsync(path, cancellation).ConfigureAwait(false);
        await using (service.ConfigureAwait(false))
        {
            PartitionStatusList list = await service.CallAsync(ServiceVerb.List, NoValue.Instance, cancellation).ConfigureAwait(false);
            return [.. list.Partitions.Where(static one => one.Process is not null).Select(static one => $"active   partition {one.Name,-22} {ConfinementText.Of((int)one.Process!.Value) ?? "cannot be looked at by this user"}")];
        }
    }

    private static bool CheckKvm(TextWriter output)
    {
        try
        {
            using KvmHost host = KvmHost.Open();
            Line(output, true, needed: true, "/dev/kvm", $"run virtual processors (up to {host.MaximumProcessors})");
            foreach (KvmCapability capability in host.Capabilities) Line(output, capability.Present, capability.Needed, capability.Name, capability.Purpose);
            return host.Missing is null;
        }
        catch (KvmUnavailableException e)
        {
            Line(output, false, needed: true, "/dev/kvm", e.Message);
            return false;
        }
    }

    private static void Line(TextWriter output, bool present, bool needed, string name, string purpose)
        => output.WriteLine($"{(present ? "ok     " : needed ? "MISSING" : "absent ")}  {name,-32} {purpose}");

    private static bool FindProgram(string name)
        => Array.Exists(ProgramFolders, folder => folder.Length > 0 && File.Exists(Path.Combine(folder, name)));

    private static bool CanOpen(string path)
    {
        using LinuxFile? file = LinuxFile.TryOpen(path, LinuxOpen.ReadWrite, out _);
        return file is not null;
    }

    private static bool FindLibrary(string name)
    {
        if (!System.Runtime.InteropServices.NativeLibrary.TryLoad(name, out nint handle)) return false;
        System.Runtime.InteropServices.NativeLibrary.Free(handle);
        return true;
    }
}
