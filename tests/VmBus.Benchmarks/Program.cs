using VmBus.Benchmarks;
using VmBus.Benchmarks.Boot;
using VmBus.Benchmarks.Dpdk;
using VmBus.Benchmarks.Export;
using VmBus.Benchmarks.Guest;
using VmBus.Benchmarks.Image;
using VmBus.Benchmarks.Netvsc;
using VmBus.Benchmarks.Network;
using VmBus.Benchmarks.Ring;
using VmBus.Benchmarks.Service;
using VmBus.Benchmarks.Sockets;
using VmBus.Benchmarks.Storage;
using VmBus.Benchmarks.Virtqueues;

// Usage: VmBus.Benchmarks PART [--repeat N] [--json FILE] [--quick]. A part is one folder and one class; more are added to this list.
IBenchmarkPart[] parts =
[
    new RingPart(), new StoragePart(), new NetvscPart(), new GuestPart(), new NetworkPart(), new SocketPart(), new BootPart(), new ImagePart(), new ExportPart(), new BlkioPart(), new ServicePart(),
    new VirtqueuePart(), new DpdkPart(),
];

if (args is [RingPeerProcess.Command, var file, var pages]) return RingPeerProcess.Run(file, pages);
if (args is [BackEndProcess.Command, var socket, var frameBytes, var poll]) return BackEndProcess.Run(socket, frameBytes, poll);
if (BenchmarkOptions.TryParse(args, out BenchmarkOptions? options, out string? mistake))
{
    IBenchmarkPart? part = Array.Find(parts, candidate => string.Equals(candidate.Name, options!.Part, StringComparison.Ordinal));
    if (part is not null)
    {
        var report = new BenchmarkReport(part.Name);
        part.Run(options!, report);
        report.Print(Console.Out);
        if (options!.JsonPath is { } path) report.WriteJson(path);
        return 0;
    }

    mistake = $"there is no part '{options!.Part}'";
}

Console.Error.WriteLine($"{mistake}\nusage: VmBus.Benchmarks PART [--repeat N] [--json FILE] [--quick]");
foreach (IBenchmarkPart part in parts) Console.Error.WriteLine($"  {part.Name,-10} {part.Summary}");
return 2;
