using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Cli.Images;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Host;
using VmBus.Host.Consoles;
using VmBus.Host.Devices;
using VmBus.Host.Images;
using VmBus.Machine;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus run</c>: one partition in the foreground.</summary>
internal static class RunCommand
{
    private const string VersionHelp = "Highest VMBus version offered to the guest, 2.4 to 6.0";

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<string?> kernel = new("--kernel")
        {
            HelpName = "FILE",
            Description = "Linux kernel: a bzImage, or an ELF vmlinux with a PVH entry. Without it the first disk boots by itself: what its GRUB, loader/entries or extlinux configuration names",
        };
        Option<string?> initrd = new("--initrd") { HelpName = "FILE", Description = "Initial RAM disk" };
        Option<string?> append = new("--append") { HelpName = "TEXT", Description = "Kernel command line (console=ttyS0 unless given); without --kernel, what is added to that of the image's entry" };
        var image = new ImageOptions();
        Option<int> cpus = new("--cpus") { HelpName = "N", Description = "Virtual processors, 1 to 64", DefaultValueFactory = _ => 1 };
        Option<string> memory = new("--memory") { HelpName = "SIZE[,max=SIZE]", Description = "RAM, with suffix K, M or G; up to max more can be given to the guest while it runs ('vmbus memory set')", DefaultValueFactory = _ => "1G" };
        Option<string> name = new("--name") { HelpName = "NAME", Description = "Name of the partition, for messages", DefaultValueFactory = _ => "guest" };
        Option<string[]> disks = new("--disk")
        {
            HelpName = "[vhost-user=]PATH[,KEY=VALUE]…",
            Description = "A disk; may be given up to 64 times with bus=vmbus (a unit of the synthetic SCSI controller, as without it) and 15 times with bus=virtio (a virtio "
                + "block device). Keys: format=raw|qcow2|vhdx|vhd|vmdk|iso, readonly, cache=writeback|direct, sector=512|4096, id=ID, bus=vmbus|virtio. A doubled comma "
                + "stands for a comma in the path. vhost-user=PATH is a disk that another process (qemu-storage-daemon, SPDK, 'vmbus export blk') serves at the socket PATH, which gets "
                + "the guest's RAM for that; its keys: readonly, id=ID, bus=vmbus|virtio, reconnect=SECONDS (when the process is gone, wait for it and look so often; without, reads and writes "
                + "fail from then on)",
        };
        Option<string[]> nics = new("--nic")
        {
            HelpName = "LINK[,KEY=VALUE]…",
            Description = "A network adapter; may be given up to 8 times with bus=vmbus (a synthetic one, as without it), and with bus=virtio as long as there are places for virtio "
                + "devices. LINK: tap=NAME (an existing TAP, or one that is made), bridge=NAME (a TAP that is "
                + "made and joined to a Linux or Open vSwitch bridge), user (passt: no privileges needed), vhost-user=PATH (the socket of a vhost-user back-end: DPDK, vmbus export net). "
                + "Keys: mac=MAC, queues=N, id=ID, bus=vmbus|virtio",
        };
        Option<string?> capture = new("--capture") { HelpName = "FILE", Description = "Copy every frame of every network adapter to FILE, which is emptied first: a pcapng file for Wireshark" };
        Option<string?> vsock = new("--vsock")
        {
            HelpName = "PATH[,KEY=VALUE]…",
            Description = "Sockets between host and guest (AF_VSOCK in the guest). A program that connects to the Unix socket PATH and "
                + "sends 'CONNECT PORT' reaches the guest's listener on PORT; what the guest connects to on PORT reaches the Unix socket PATH_PORT. "
                + "Keys: bus=vmbus (Hyper-V sockets, as without it) or bus=virtio (a virtio socket device), cid=N (the guest's context id, with bus=virtio; 3)",
        };
        Option<bool> rng = new("--rng") { Description = "A virtio entropy device: the guest's kernel seeds itself with random numbers of the host, up to 1 MiB a second (Linux: /dev/hwrng)" };
        Option<bool> balloon = new("--balloon")
        {
            Description = "A virtio memory balloon in place of Hyper-V's dynamic memory: 'vmbus memory set' has the guest give memory back and take it again, up to what it started "
                + "with, and pages that it does not use go back to the host by themselves",
        };
        Option<bool> exec = new("--exec") { Description = "Let 'vmbus exec' run commands in the guest, whose exec service (vmbus-guest-exec) carries them out; off without this" };
        Option<bool> echo = new("--echo") { Description = "Offer the guest a device that answers every packet with its own bytes, for 'vmbus-guest bench' and 'vmbus-guest conformance'" };
        Option<bool> monitor = new("--monitor") { Description = "With --echo: have the guest signal that device by its monitor page, at which the host looks a thousand times a second, and not by hypercalls; programs in a Linux guest before 6.10 have no other devices" };
        Option<string> integration = new("--integration") { HelpName = "SERVICES", Description = IntegrationOption.Help, DefaultValueFactory = _ => "all" };
        Option<string> console = new("--console") { HelpName = "WHERE", Description = "Serial console: stdio (Ctrl-A h lists its keys, Ctrl-A c is a monitor that adds and removes disks and network adapters and talks to the guest's integration services), none, file:PATH or unix:PATH", DefaultValueFactory = _ => "stdio" };
        Option<string?> second = new(ConsoleOption.Virtio)
        {
            HelpName = "WHERE",
            Description = "A virtio console beside the serial one (hvc0 in Linux; faster, and it follows the size of the terminal): stdio (the same keys; then the serial console is "
                + "none, as long as --console does not say more), file:PATH or unix:PATH",
        };
        Option<string?> control = new("--control")
        {
            HelpName = "PATH[,group=GROUP]",
            Description = "A socket where 'vmbus show', 'memory', 'disk', 'nic', 'kvp', 'freeze', 'copy', 'console', 'top', 'stop' and the other commands reach the partition; for its owner and root, and for a group",
        };
        Option<bool> noReboot = new("--no-reboot") { Description = "End with status 3 when the guest resets, instead of restarting it" };
        Option<int> stopTimeout = new("--stop-timeout") { HelpName = "SECONDS", Description = "How long SIGTERM waits for the guest to power off before it is ended", DefaultValueFactory = _ => 30 };
        Option<string?> result = new("--result") { HelpName = "FILE", Description = "Write how the partition has ended to FILE: JSON with a reason (powered-off, reset, crashed, terminated or failed) and a detail" };
        Option<int> poll = PollOption.Create();
        Option<string> version = new("--vmbus-version") { HelpName = "X.Y", Description = VersionHelp, DefaultValueFactory = _ => "5.3" };
        Option<string> sandbox = SandboxOption.Create();
        Option<string?> runAs = RunAsOption.Create();
        Option<string?> given = GivenOption.Create();
        Option<string> log = LogOption.Create();
        var command = new Command("run", "Runs one partition in the foreground until its guest powers off.")
        {
            kernel, initrd, append, image.BootEntry, image.UserData, image.MetaData, image.Firmware, cpus, memory, name, disks, nics, capture, vsock, balloon, rng, exec, echo, monitor, integration,
            console, second, control, noReboot, stopTimeout, result, poll, version, sandbox, runAs, given, log,
        };
        command.SetAction(parsed => Guard(() =>
        {
            var logger = new StderrLogger(LogOption.Parse(parsed.GetValue(log)!));
            (uint User, uint Group)? user = RunAsOption.Parse(parsed.GetValue(runAs));
            (string? handover, int? inherited) = GivenOption.Parse(parsed.GetValue(given));
            using GivenDevices? opened = inherited is { } number ? GivenDevices.Receive(new LinuxFile(number), logger) : null;
            IDeviceOpener devices = opened is null ? HostDevices.Instance : opened;
            var ram = MemoryOption.Parse(parsed.GetValue(memory)!);
            var services = IntegrationOption.Parse(parsed.GetValue(integration)!);
            (DiskOptions Options, DiskBus Bus)[] media = [.. (parsed.GetValue(disks) ?? []).Select(DiskOption.ParseWithBus)];
            using BootPlan boot = image.Plan(parsed, parsed.GetValue(kernel), parsed.GetValue(initrd), parsed.GetValue(append), parsed.GetValue(name)!, media, devices);
            var options = new PartitionOptions
            {
                Name = parsed.GetValue(name)!,
                Kernel = boot.Kernel,
                Initrd = boot.Initrd,
                CommandLine = boot.CommandLine,
                ProcessorCount = InRange("--cpus", parsed.GetValue(cpus), 1, 64),
                MemoryBytes = ram.Bytes,
                MaximumMemoryBytes = ram.MaximumBytes,
                Disks = [.. media.Where(static disk => disk.Bus == DiskBus.Vmbus).Select(static disk => disk.Options), .. boot.Seed],
                VirtioDisks = [.. media.Where(static disk => disk.Bus == DiskBus.Virtio).Select(static disk => disk.Options)],
                NetworkAdapters = [.. (parsed.GetValue(nics) ?? []).Select(static text => NicOptions.Parse(text))],
                CaptureFile = parsed.GetValue(capture),
                Sockets = parsed.GetValue(vsock) is { } meeting ? SocketOption.Parse(meeting) : null,
                Balloon = parsed.GetValue(balloon),
                Entropy = parsed.GetValue(rng),
                Exec = parsed.GetValue(exec),
                Echo = parsed.GetValue(echo),
                EchoByMonitor = parsed.GetValue(monitor),
                IntegrationServices = services.Services,
                DynamicMemory = services.DynamicMemory,
                PollTime = PollOption.Parse(parsed.GetValue(poll)),
                MaximumVersion = ParseVersion(parsed.GetValue(version)!),
                EndOnReset = parsed.GetValue(noReboot),
                Sandbox = SandboxOption.Parse(parsed.GetValue(sandbox)!),
                Devices = devices,
            };
            if (options is { Exec: true, Sockets.IsVirtio: true })
                throw new UsageException("--exec reaches the guest by Hyper-V sockets, beside which Linux has no others: give --vsock bus=vmbus, or leave out --exec.");
            if (options is { EchoByMonitor: true, Echo: false }) throw new UsageException("--monitor is how the guest signals the echo device: give --echo too.");
            if (options.Balloon && options.MaximumMemoryBytes > options.MemoryBytes)
                throw new UsageException("--balloon adds no memory to what the guest starts with, so --memory cannot have max=: leave out one of them.");
            var timeout = TimeSpan.FromSeconds(InRange("--stop-timeout", parsed.GetValue(stopTimeout), 0, 3600));
            ControlSocketOptions? socket = parsed.GetValue(control) is { } path ? ControlOption.Parse(path) : null;
            (string Serial, string? Virtio) places = ParseConsoles(parsed, console, second);
            if (user is null && handover is null) return ResultFile.Keep(parsed.GetValue(result), devices, told => Run(options, boot.Request, places, socket, timeout, told, logger));
            var first = new OpenedRun
            {
                Options = options,
                Disks = parsed.GetValue(disks) ?? [],
                Nics = parsed.GetValue(nics) ?? [],
                Boot = boot,
                Consoles = places,
                Control = socket,
                Result = parsed.GetValue(result),
                Given = handover,
                RunAs = user,
            };
            return ResultFile.Keep(parsed.GetValue(result), devices, _ => throw first.Become(logger));
        }));
        return command;
    }

    /// <summary>Runs a command body and turns its failures into one line and an exit status.</summary>
    public static int Guard(Func<int> body)
    {
        try
        {
            return body();
        }
        catch (UsageException e)
        {
            Console.Error.WriteLine($"vmbus: {e.Message}");
            return ExitStatus.BadUsage;
        }
        catch (DiskException e) when (e.Problem == DiskProblem.BadOption)
        {
            Console.Error.WriteLine($"vmbus: {e.Message}");
            return ExitStatus.BadUsage;
        }
        catch (LinkException e) when (e.Problem == LinkProblem.BadOption)
        {
            Console.Error.WriteLine($"vmbus: {e.Message}");
            return ExitStatus.BadUsage;
        }
        catch (ControlException e) when (e.Code == ControlErrorCode.BadParameters)
        {
            Console.Error.WriteLine($"vmbus: {e.Message}");
            return ExitStatus.BadUsage;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KvmUnavailableException)
        {
            Console.Error.WriteLine($"vmbus: {e.Message}");
            return ExitStatus.Failure;
        }
    }

    private static (string Serial, string? Virtio) ParseConsoles(ParseResult parsed, Option<string> serial, Option<string?> virtio)
    {
        string first = parsed.GetValue(serial)!;
        string? second = parsed.GetValue(virtio);
        if (second is not null) ConsoleOption.Check(second, ConsoleOption.Virtio);
        if (second == ConsoleOption.Terminal && parsed.GetResult(serial) is null or { Implicit: true }) first = ConsoleOption.None;
        ConsoleOption.Check(first);
        return first == ConsoleOption.Terminal && second == ConsoleOption.Terminal
            ? throw new UsageException("--console and --virtio-console are both stdio: there is one terminal; give one of them another place.")
            : (first, second);
    }

    private static int Run(
        PartitionOptions options, LoaderRequest? image, (string Serial, string? Virtio) places, ControlSocketOptions? control, TimeSpan stopTimeout, Action<PartitionResult> told, ILogger logger)
    {
        using ControlSocket? socket = control is null ? null
            : options.Devices.TakeFile(Path.GetFullPath(control.Path)) is { } listening ? ControlSocket.Take(listening, control)
            : ControlSocket.Claim(control);
        VirtioConsole? second = ConsoleOption.OpenVirtio(places.Virtio, options.Devices);
        // It outlives the partition, whose guest may be writing to it.
        using IConsole? secondConsole = second?.Console;
        using Partition partition = Partition.Create(options, second, logger);
        // More verbs come by more groups; the monitor and the socket have the same.
        var verbs = new VerbTable(new PartitionVerbs(partition, stopTimeout), new GuestVerbs(partition.Integration));
        using IConsole console = socket is null
            ? ConsoleOption.Open(places.Serial, options.Devices)
            : new SharedConsole(ConsoleOption.Open(places.Serial, options.Devices), typed => partition.Type(typed.Span));
        using ControlServer? server = console is SharedConsole shared ? Serve(socket!, options.Name, partition, options.Devices, verbs, shared, logger) : null;
        bool interrupted = false;

        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (interrupted || stopTimeout == TimeSpan.Zero)
            {
                partition.Terminate();
                return;
            }

            interrupted = true;
            partition.RequestPowerOff(stopTimeout);
        }

        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
        using PosixSignalRegistration? resized = second?.Size is null
            ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => partition.ResizeVirtioConsole(ConsoleOption.TerminalSize() ?? default));
        IConsole? terminal = places.Serial == ConsoleOption.Terminal ? console : places.Virtio == ConsoleOption.Terminal ? secondConsole : null;
        using MonitorPrompt? prompt = terminal is null ? null : new MonitorPrompt(verbs, terminal, echo: !Console.IsInputRedirected);

        void StartInput(IConsole from, Action<ReadOnlyMemory<byte>> typed)
            => from.Start(from == terminal ? new ConsoleInput(from, typed, partition.Terminate, prompt!).Receive : typed);

        StartInput(console, typed => partition.Type(typed.Span));
        if (secondConsole is not null) StartInput(secondConsole, typed => partition.TypeVirtio(typed.Span));
        LoaderConsole? loader = image is null ? null : LoaderConsole.Before(console, image, partition);
        PartitionResult result = partition.Run(loader ?? console);
        if (loader?.Error is { } refused) result = new PartitionResult(PartitionEnd.Failed, refused);
        told(result);
        switch (result.End)
        {
            case PartitionEnd.PoweredOff:
                return ExitStatus.Success;
            case PartitionEnd.Reset:
                Console.Error.WriteLine($"vmbus: {options.Name}: the guest reset by {result.Detail}, and --no-reboot is given");
                return ExitStatus.GuestCrashed;
            case PartitionEnd.Crashed:
                Console.Error.WriteLine($"vmbus: {options.Name}: the guest crashed: {result.Detail}");
                return ExitStatus.GuestCrashed;
            case PartitionEnd.Terminated:
                Console.Error.WriteLine($"vmbus: {options.Name}: ended before the guest powered off");
                return ExitStatus.Interrupted;
            case PartitionEnd.Failed:
                Console.Error.WriteLine($"vmbus: {options.Name}: {result.Detail}");
                return ExitStatus.Failure;
        }

        throw new InvalidOperationException($"Unknown end {result.End}");
    }

    private static ControlServer Serve(
        ControlSocket socket, string name, Partition partition, IDeviceOpener devices, VerbTable verbs, SharedConsole console, ILogger logger)
    {
        var limits = new ControlLimits();
        var events = new EventHub(name, limits.WaitingEvents);
        partition.Happened += happened =>
        {
            (string kind, ControlEvent fields) = Reports.Of(name, happened);
            events.Publish(kind, fields);
        };
        if (devices is GivenDevices given)
            given.LinkLost += link => events.Publish(PartitionEventName.LinkLost, new ControlEvent(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), name, null, link, null, null, null));
        var services = new ControlServices(ControlCommand.ProgramName, verbs, events, console, partition.OpenExecAsync, limits, logger)
        {
            OpenTrace = request => partition.StartTrace(TraceRequests.Read(request)),
        };
        return ControlServer.Start(socket, services);
    }

    /// <summary>Checks the value of an option that is a number.</summary>
    /// <exception cref="UsageException">It is not in the range.</exception>
    internal static int InRange(string option, int value, int least, int most)
        => value >= least && value <= most ? value : throw new UsageException($"{option} {value}: must be {least} to {most}.");

    private static uint ParseVersion(string text)
    {
        string[] parts = text.Split('.');
        if (parts.Length == 2 && ushort.TryParse(parts[0], out ushort major) && ushort.TryParse(parts[1], out ushort minor))
        {
            uint version = ((uint)major << 16) | minor;
            if (PartitionOptions.SupportedVersions.Contains(version)) return version;
        }

        string known = string.Join(", ", PartitionOptions.SupportedVersions.Select(v => $"{v >> 16}.{v & 0xFFFF}"));
        throw new UsageException($"--vmbus-version '{text}': must be one of {known}.");
    }
}
