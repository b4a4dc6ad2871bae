using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Cli.Options;
using VmBus.Host.Exports;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus export</c>: disks and links for the virtio devices of other virtual machine monitors.</summary>
internal static class ExportCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create() => new("export", "Serves a disk to another virtual machine monitor (QEMU, User-Mode Linux, …) over vhost-user.")
    {
        CreateBlock(),
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
            return Run(options, [.. media.Zip(places)], new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
        }));
        return command;
    }

    private static int Run(ExportOptions options, IReadOnlyList<(DiskOptions Disk, string Socket)> disks, ILogger logger)
    {
        const PosixSignal LookAtSizes = (PosixSignal)10;
        using var export = BlockExport.Start(options, disks, logger);
        using var ended = new ManualResetEventSlim();

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            ended.Set();
        }

        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, End);
        using PosixSignalRegistration sizes = PosixSignalRegistration.Create(LookAtSizes, _ => export.RefreshSizes());
        ended.Wait();
        return ExitStatus.Success;
    }
}
