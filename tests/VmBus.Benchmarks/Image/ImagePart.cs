using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Image;

/// <summary>
/// Time from the start of the monitor's process to the first user-space process of the system on a disk image: ours with its loader, QEMU with OVMF and
/// with SeaBIOS, whose GRUB is on the same image, on virtio-blk.
/// </summary>
internal sealed class ImagePart : IBenchmarkPart
{
    // The first line of the image's initramfs (tests/testbed/boot-image firmware).
    private const string Init = "Loading, please wait...";

    // What tells that the entry has been chosen; SeaBIOS's GRUB has no console here.
    private static readonly Dictionary<string, string> Choices = new(StringComparer.Ordinal)
    {
        [GuestMonitor.VmBusImage.Name] = "vmbus loader: booting",
        [GuestMonitor.Ovmf.Name] = "Loading Linux",
    };

    public string Name => "image";

    public string Summary => "time to the init of a disk image's own system, against QEMU with OVMF and SeaBIOS on virtio-blk";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        GuestMonitor[] monitors = [GuestMonitor.VmBusImage, GuestMonitor.Ovmf, GuestMonitor.SeaBios];
        string disk = Path.Combine(environment.Scratch, "disk.img");
        // UEFI's variables, which a machine keeps from boot to boot.
        File.Copy(GuestMonitor.OvmfVariables, Path.Combine(environment.Scratch, GuestMonitor.OvmfVariablesCopy), overwrite: true);
        ComparisonTable table = report.AddTable(
            $"Boot of a disk image, {GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB, median of {options.Repeat}",
            [.. monitors.Select(monitor => monitor.Name)]);
        HostCounters.Prepare();
        // The first round brings programs and images into the page cache and does not count.
        for (int round = 0; round <= options.Repeat; round++)
        {
            for (int turn = 0; turn < monitors.Length; turn++)
            {
                GuestMonitor monitor = monitors[(round + turn) % monitors.Length];
                Measure(environment, monitor, disk, round, round == 0 ? null : table);
            }
        }
    }

    private static void Measure(BenchmarkEnvironment environment, GuestMonitor monitor, string disk, int round, ComparisonTable? table)
    {
        // Nothing has been written yet when the monitor is killed.
        using var guest = new GuestProcess(monitor, new GuestStart(environment, environment.Initrd, Append: "", disk));
        double? chosen = null;
        if (Choices.TryGetValue(monitor.Name, out string? choice))
        {
            guest.WaitFor(choice);
            chosen = guest.Seconds;
        }

        guest.WaitFor(Init);
        double seconds = guest.Seconds;
        Dictionary<string, double> counters = HostCounters.Read(guest.Id);
        Console.Error.WriteLine($"image: round {round}, {monitor.Name}: {seconds:0.0} s, {chosen:0.0} s of them to the choice of the entry");
        if (table is null) return;
        table.Add("exec to the image's first process", "s", monitor.Name, seconds);
        if (chosen is { } begin)
        {
            table.Add("  to the choice of the entry", "s", monitor.Name, begin);
            table.Add("  from there: its files, its kernel", "s", monitor.Name, seconds - begin);
        }

        foreach ((string name, double value) in counters) table.Add($"up to that process: {name}", "", monitor.Name, value);
    }
}
