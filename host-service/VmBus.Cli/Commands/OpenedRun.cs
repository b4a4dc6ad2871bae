using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Cli.Images;
using VmBus.Cli.Options;
using VmBus.Control.Server;
using VmBus.Host;
using VmBus.Host.Devices;
using VmBus.Machine;
using VmBus.Machine.Boot;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Sockets;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary>
/// How <c>vmbus run</c> begins with <c>--run-as</c> or <c>--given</c>: everything that the partition is made of is opened, and then this process becomes the same program again, with
/// the same options, which gets it open and needs no right to it.
/// </summary>
/// <remarks>Source: protocol-spec/given.md.</remarks>
internal sealed record OpenedRun
{
    private const string Setpriv = "/usr/bin/setpriv";
    private const string KvmPath = "/dev/kvm";

    /// <summary>The partition.</summary>
    public required PartitionOptions Options { get; init; }

    /// <summary>Its disks in the words of <c>--disk</c>.</summary>
    public required IReadOnlyList<string> Disks { get; init; }

    /// <summary>Its network adapters in the words of <c>--nic</c>.</summary>
    public required IReadOnlyList<string> Nics { get; init; }

    /// <summary>What it boots.</summary>
    public required BootPlan Boot { get; init; }

    /// <summary>Where its consoles are.</summary>
    public required (string Serial, string? Virtio) Consoles { get; init; }

    /// <summary>Its control socket, or null.</summary>
    public required ControlSocketOptions? Control { get; init; }

    /// <summary>Where it tells how it has ended, or null.</summary>
    public required string? Result { get; init; }

    /// <summary>The socket at which more is given while it runs, or null.</summary>
    public required string? Given { get; init; }

    /// <summary>Whom it runs as; null for the user that there is.</summary>
    public required (uint User, uint Group)? RunAs { get; init; }

    /// <summary>Opens everything and becomes the program that runs it. Returns only when that fails.</summary>
    /// <exception cref="IOException">Something cannot be opened, or the program not started.</exception>
    /// <exception cref="KvmUnavailableException">Partitions cannot run here.</exception>
    public Exception Become(ILogger logger)
    {
        if (RunAs is not null && FileOwner.CurrentUser != 0) throw new IOException($"{RunAsOption.Name} needs root: leave it out, and the partition runs as you.");
        // Its file is removed again when something cannot be opened; the program that this one becomes gets the socket.
        using ControlSocket? control = Control is null ? null : ControlSocket.Claim(Control);
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (var connection = DescriptorSocket.Take(ours)) GiveAll(new DeviceGiver(connection, waits: false), control, logger);
        Boot.Dispose();
        _ = theirs.KeepForNextProgram();
        using LinuxFile? program = OpenProgram(out string path);
        string[] words = [.. Confinement(), path, .. OwnWords(theirs.Descriptor)];
        // The last that needs a right: from here on this thread sees nothing of the host's data.
        if (RunAs is not null && Options.Sandbox != SandboxMode.Off) HostView.Narrow(Options.Name, logger);
        int errno = ProgramImage.Become(words[0], words);
        return new LinuxException($"Starting '{words[0]}' failed", errno);
    }

    /// <summary>The arguments of a program without an option that has a value.</summary>
    internal static IEnumerable<string> Without(IEnumerable<string> arguments, string option)
    {
        bool skipsValue = false;
        foreach (string argument in arguments)
        {
            bool isValue = skipsValue;
            skipsValue = argument == option;
            if (!isValue && !skipsValue && !argument.StartsWith($"{option}=", StringComparison.Ordinal) && !argument.StartsWith($"{option}:", StringComparison.Ordinal)) yield return argument;
        }
    }

    private void GiveAll(DeviceGiver giver, ControlSocket? control, ILogger logger)
    {
        KernelImage.Open(Options.Kernel).Dispose();
        giver.GiveFileToRead(Options.Kernel);
        if (Options.Initrd is { } initrd) giver.GiveFileToRead(initrd);
        foreach (string disk in Disks.Where(static text => !DiskOption.ParseWithBus(text).Options.IsVhostUser)) giver.GiveDisk(disk, further: false, logger);
        if (Boot.CloudSeed is { } seed) giver.GiveDisk(seed.DiskText, further: true, logger);
        foreach (string nic in Nics.Where(static text => NicOptions.Parse(text).Kind != LinkKind.VhostUser)) giver.GiveNic(nic, Options.ProcessorCount, renews: false);
        if (Options.Sockets is { } sockets)
        {
            using LinuxFile listener = HostSockets.Claim(sockets.Path);
            giver.GiveFile(sockets.Path, listener);
        }

        // As the user that there is it connects by itself.
        if (RunAs is not null) giver.GiveConnectors([.. Places()]);
        if (Options.CaptureFile is { } capture) GiveNewFile(giver, "Capture file", capture);
        ConsoleOption.Give(Consoles.Serial, ConsoleOption.Serial, giver);
        if (Consoles.Virtio is { } virtio) ConsoleOption.Give(virtio, ConsoleOption.Virtio, giver);
        if (Result is { } result) GiveNewFile(giver, "Result file", result);
        if (control is not null) giver.GiveFile(control.Path, control.Listener.SafeHandle);
        if (Given is { } path)
        {
            using LinuxFile socket = UnixSocket.Claim(path, blocking: false);
            giver.GiveSocket(socket);
        }

        using (KvmHost host = KvmHost.Open()) host.ThrowIfIncomplete();
        using LinuxFile kvm = LinuxFile.TryOpen(KvmPath, LinuxOpen.ReadWrite, out int errno) ?? throw new LinuxException($"Opening {KvmPath} failed", errno);
        giver.GiveKvm(kvm);
    }

    private IEnumerable<ConnectPlace> Places()
    {
        if (Options.Sockets is { } sockets) yield return new ConnectPlace(ConnectKind.Vsock, sockets.Path);
        foreach (DiskOptions disk in Options.Disks.Concat(Options.VirtioDisks).Where(static disk => disk.IsVhostUser)) yield return new ConnectPlace(ConnectKind.VhostUser, disk.Path);
        foreach (NicOptions nic in Options.NetworkAdapters.Where(static nic => nic.Kind == LinkKind.VhostUser)) yield return new ConnectPlace(ConnectKind.VhostUser, nic.Target);
    }

    private static void GiveNewFile(DeviceGiver giver, string what, string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            giver.GiveFile(path, file.SafeFileHandle);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or DirectoryNotFoundException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{what} '{path}' cannot be written: {exception.Message}", exception);
        }
    }

    // The rest of what root may do is left to root.
    private IReadOnlyList<string> Confinement() => RunAs is not var (user, group) ? [] :
    [
        Setpriv, string.Create(CultureInfo.InvariantCulture, $"--reuid={user}"), string.Create(CultureInfo.InvariantCulture, $"--regid={group}"), "--clear-groups",
        "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--",
    ];

    private static IEnumerable<string> OwnWords(int connection)
        => [.. Without(Without(Environment.GetCommandLineArgs().Skip(1), RunAsOption.Name), GivenOption.Name), GivenOption.Name, GivenOption.Of(connection)];

    // By its path, which is what it is called by; by a descriptor where the user that it becomes could not find it.
    private LinuxFile? OpenProgram(out string path)
    {
        path = Environment.ProcessPath ?? throw new IOException("This program does not know its own file, which it needs to start anew.");
        if (RunAs is null || ProgramImage.IsReachedByAll(path)) return null;
        LinuxFile open = LinuxFile.TryOpen(path, LinuxOpen.Read, out int errno) ?? throw new LinuxException($"Opening '{path}' failed", errno);
        _ = open.KeepForNextProgram();
        path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{open.Descriptor}");
        return open;
    }
}
