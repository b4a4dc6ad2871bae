using System.CommandLine;
using System.Runtime.InteropServices;
using VmBus.Cli.Images;
using VmBus.Cli.Options;
using VmBus.Host;
using VmBus.Host.Consoles;
using VmBus.Host.Images;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus boot-entries</c>: what an image could boot. The image is read where it is safe: by the loader, in a partition of its own.</summary>
internal static class BootEntriesCommand
{
    private const ulong MemoryBytes = 512UL << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Argument<string> image = new("image") { HelpName = "IMAGE[,format=…]", Description = "The image, as 'vmbus run --disk' takes it; nothing is written to it" };
        Option<bool> json = new("--json") { Description = "Print JSON, with ids, files and command lines" };
        Option<string> log = LogOption.Create();
        var command = new Command("boot-entries", "Lists what a disk image could boot, for 'vmbus run --boot-entry'; a star marks its default. Needs the image to be in no partition's use.")
        {
            image, json, log,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            DiskOptions disk = DiskOption.Parse(parsed.GetValue(image)!) with { ReadOnly = true };
            IReadOnlyList<BootEntry> entries = Read(disk, new StderrLogger(LogOption.Parse(parsed.GetValue(log)!)));
            Console.Out.Write(parsed.GetValue(json) ? BootEntryText.Json(entries) : BootEntryText.List(entries));
            return ExitStatus.Success;
        }));
        return command;
    }

    private static IReadOnlyList<BootEntry> Read(DiskOptions disk, StderrLogger logger)
    {
        var request = new LoaderRequest { ListOnly = true };
        LoaderFiles loader = LoaderFiles.Find();
        using Partition partition = Partition.Create(
            new PartitionOptions
            {
                Name = "boot-entries",
                Kernel = loader.Kernel,
                Initrd = loader.Initrd,
                CommandLine = request.CommandLine(),
                ProcessorCount = 1,
                MemoryBytes = MemoryBytes,
                Disks = [disk],
                IntegrationServices = [],
                DynamicMemory = false,
                EndOnReset = true,
            },
            null,
            logger);
        using var nobody = new NullConsole();
        LoaderConsole console = LoaderConsole.Before(nobody, request, partition);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            partition.Terminate();
        });
        using var limit = new Timer(_ => partition.Terminate(), null, Limit, Timeout.InfiniteTimeSpan);
        PartitionResult result = partition.Run(console);
        if (console.Error is { } error) throw new IOException($"Disk '{disk.Path}': {error}");
        if (console.IsLoading) throw new IOException($"Disk '{disk.Path}': the loader did not come to its end ({result.End} {result.Detail}).");
        return console.Entries;
    }
}
