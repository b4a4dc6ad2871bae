using System.CommandLine;
using System.Runtime.InteropServices;
using VmBus.Cli.Options;
using VmBus.Host;
using VmBus.Host.Exports;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus export</c>: disks, links and sockets for the virtio devices of other virtual machine monitors.</summary>
internal static class ExportCommand
{
    // SIGUSR1.
    private const PosixSignal LookAtSizes = (PosixSignal)10;

    /// <summary>Builds the command.</summary>
    public static Command Create() => new("export", "Serves disks, network links or sockets to other virtual machine monitors (QEMU, User-Mode Linux, …) over vhost-user.")
    {
        CreateBlock(),
        CreateScsi(),
        CreateNetwork(),
        CreateSockets(),
    };

    private static Command CreateBlock()
    {
        Option<string[]> disks = new("--disk")
        {
            HelpName = "PATH[,KEY=VALUE]…",
            Required = true,
            Description = "A disk; may be given several times, each with its own --socket. Keys: format=raw|qcow2|vhdx|vhd|vmdk|iso, readonly, "
                + "cache=writeback|direct, sector=512|4096, id=ID (the serial number that the guest sees). A doubled comma stands for a comma in the path",
        };
        Option<string[]> sockets = new("--socket")
        {
            HelpName = "PATH",
            Required = true,
            Description = "Where front-ends find the disk; one for each --disk, in the same order. A disk that may be written serves one front-end at a time, and the next "
                + "waits; one that is readonly serves up to 64",
        };
        Option<int> queues = new("--queues") { HelpName = "N", Description = "Request queues that each front-end may use, 1 to 64", DefaultValueFactory = _ => Math.Clamp(Environment.ProcessorCount, 1, 64) };
        Option<int> poll = PollOption.Create();
        Option<string> log = LogOption.Create();
        var command = new Command("blk", "Serves disks as vhost-user-blk back-ends until SIGTERM or SIGINT; SIGUSR1 looks at their sizes again and tells the guests.")
        {
            disks, sockets, queues, poll, log,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            DiskOptions[] media = [.. (parsed.GetValue(disks) ?? []).Select(static text => DiskOptions.Parse(text))];
            string[] places = parsed.GetValue(sockets) ?? [];
            if (media.Length != places.Length)
                throw new UsageException($"There are {media.Length} --disk and {places.Length} --socket: give one socket for each disk.");
            var options = new ExportOptions
            {
                Queues = RunCommand.InRange("--queues", parsed.GetValue(queues), 1, 64),
                PollTime = PollOption.Parse(parsed.GetValue(poll)),
            };
            using var export = BlockExport.Start(options, [.. media.Zip(places)], new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
            using PosixSignalRegistration sizes = OnLookAtSizes(export.RefreshSizes);
            return WaitForEnd();
        }));
        return command;
    }

    private static Command CreateScsi()
    {
        Option<string[]> disks = new("--disk")
        {
            HelpName = "PATH[,KEY=VALUE]…",
            Required = true,
            Description = "A disk; may be given up to 256 times: the logical units 0, 1, … of target 0. Keys: format=raw|qcow2|vhdx|vhd|vmdk|iso, readonly, "
                + "cache=writeback|direct, sector=512|4096, id=ID (the serial number that the guest sees). A doubled comma stands for a comma in the path",
        };
        Option<string> socket = new("--socket") { HelpName = "PATH", Required = true, Description = "Where a front-end finds the SCSI host. One front-end at a time; the next waits" };
        Option<int> queues = new("--queues") { HelpName = "N", Description = "Request queues that a front-end may use, 1 to 64", DefaultValueFactory = _ => Math.Clamp(Environment.ProcessorCount, 1, 64) };
        Option<int> poll = PollOption.Create();
        Option<string> log = LogOption.Create();
        var command = new Command(
            "scsi", "Serves disks as the units of one vhost-user-scsi back-end until SIGTERM or SIGINT; SIGUSR1 looks at their sizes again and tells the guest.")
        {
            disks, socket, queues, poll, log,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            DiskOptions[] media = [.. (parsed.GetValue(disks) ?? []).Select(static text => DiskOptions.Parse(text))];
            var options = new ExportOptions
            {
                Queues = RunCommand.InRange("--queues", parsed.GetValue(queues), 1, 64),
                PollTime = PollOption.Parse(parsed.GetValue(poll)),
            };
            using var export = ScsiExport.Start(options, media, parsed.GetValue(socket)!, new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
            using PosixSignalRegistration sizes = OnLookAtSizes(export.RefreshSizes);
            return WaitForEnd();
        }));
        return command;
    }

    private static Command CreateNetwork()
    {
        Option<string[]> nics = new("--nic")
        {
            HelpName = "LINK[,KEY=VALUE]…",
            Required = true,
            Description = "A link; may be given several times, each with its own --socket. LINK: tap=NAME (an existing TAP, or one that is made), bridge=NAME (a TAP that is "
                + "made and joined to a Linux or Open vSwitch bridge), user (passt: no privileges needed), vhost-user=PATH (another back-end's socket). Keys: mac=MAC, queues=N",
        };
        Option<string[]> sockets = new("--socket")
        {
            HelpName = "PATH",
            Required = true,
            Description = "Where a front-end finds the link; one for each --nic, in the same order. One front-end at a time; the next waits",
        };
        Option<int> queues = new("--queues") { HelpName = "N", Description = "Pairs of queues that a front-end may use, 1 to 8", DefaultValueFactory = _ => 1 };
        Option<int> poll = PollOption.Create();
        Option<string> log = LogOption.Create();
        var command = new Command("net", "Serves network links as vhost-user-net back-ends until SIGTERM or SIGINT.") { nics, sockets, queues, poll, log };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            NicOptions[] links = [.. (parsed.GetValue(nics) ?? []).Select(static text => NicOptions.Parse(text))];
            string[] places = parsed.GetValue(sockets) ?? [];
            if (links.Length != places.Length)
                throw new UsageException($"There are {links.Length} --nic and {places.Length} --socket: give one socket for each link.");
            var options = new ExportOptions
            {
                Queues = RunCommand.InRange("--queues", parsed.GetValue(queues), 1, 8),
                PollTime = PollOption.Parse(parsed.GetValue(poll)),
            };
            using var export = NetworkExport.Start(options, [.. links.Zip(places)], new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
            return WaitForEnd();
        }));
        return command;
    }

    private static Command CreateSockets()
    {
        Option<string> meeting = new("--vsock")
        {
            HelpName = "PATH",
            Required = true,
            Description = "Where programs meet the guest: one that connects to the Unix socket PATH and sends 'CONNECT PORT' reaches the guest's listener on PORT; what the "
                + "guest connects to on PORT of the host (context id 2) reaches the Unix socket PATH_PORT",
        };
        Option<string> socket = new("--socket") { HelpName = "PATH", Required = true, Description = "Where a front-end finds the socket device. One front-end at a time; the next waits" };
        Option<string> cid = new("--cid") { HelpName = "N", Description = "The guest's context id, 3 or more", DefaultValueFactory = _ => "3" };
        Option<int> poll = PollOption.Create();
        Option<string> log = LogOption.Create();
        var command = new Command("vsock", "Serves sockets between programs of this host and a guest as a vhost-user-vsock back-end until SIGTERM or SIGINT.") { meeting, socket, cid, poll, log };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            var sockets = new SocketOptions(parsed.GetValue(meeting)!) { IsVirtio = true, Cid = SocketOption.ParseCid("--cid", parsed.GetValue(cid)!) };
            var options = new ExportOptions { PollTime = PollOption.Parse(parsed.GetValue(poll)) };
            using var export = SocketExport.Start(options, sockets, parsed.GetValue(socket)!, new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
            return WaitForEnd();
        }));
        return command;
    }

    private static PosixSignalRegistration OnLookAtSizes(Action look) => PosixSignalRegistration.Create(LookAtSizes, context =>
    {
        // Else the signal ends the process, as it does by itself.
        context.Cancel = true;
        look();
    });

    private static int WaitForEnd()
    {
        using var ended = new ManualResetEventSlim();

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            ended.Set();
        }

        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, End);
        ended.Wait();
        return ExitStatus.Success;
    }
}
