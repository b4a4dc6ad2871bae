using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>A machine monitor and how it is started. All get the same kernel, memory and number of vCPUs.</summary>
/// <param name="Name">Column of the tables.</param>
/// <param name="Arguments">The command line for a kernel, an initrd, the kernel's command line and perhaps a raw disk or a TAP.</param>
internal sealed record GuestMonitor(string Name, Func<GuestStart, IEnumerable<string>> Arguments)
{
    internal const int Processors = 1;
    internal const int MemoryMegabytes = 512;

    // QEMU's memory is what it takes by itself: anonymous, which the host gives huge pages. Of a memfd it maps none.
    private static readonly string[] QemuCommon =
    [
        "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-smp", Processors.ToString(CultureInfo.InvariantCulture),
        "-m", $"{MemoryMegabytes}M", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
    ];

    private static readonly string[] QemuDisk = ["-object", "iothread,id=io0{poll}", "-drive", "if=none,id=disk0,format=raw,discard=unmap,aio=io_uring,file={disk}"];

    internal static GuestMonitor VmBus { get; } = new("vmbus", static start => Ours(start, ""));

    internal static GuestMonitor VmBusVirtio { get; } = new("vmbus-virtio", static start => Ours(start, ",bus=virtio"));

    internal static GuestMonitor VirtioScsi { get; } = new("virtio-scsi", start =>
        [.. Qemu(start, "q35", QemuDisk), "-device", "virtio-scsi-pci,iothread=io0", "-device", "scsi-hd,drive=disk0"]);

    internal static GuestMonitor VirtioBlk { get; } = new("virtio-blk", start =>
        [.. Qemu(start, "q35", QemuDisk), "-device", "virtio-blk-pci,drive=disk0,iothread=io0"]);

    internal static GuestMonitor VirtioNet { get; } = new("virtio-net", start => QemuNet(start, "off"));

    internal static GuestMonitor VhostNet { get; } = new("vhost-net", start => QemuNet(start, "on"));

    internal static GuestMonitor VhostVsock { get; } = new("vhost-vsock", start => Qemu(start, "q35", ["-device", "vhost-vsock-pci,guest-cid=3"]));

    internal static GuestMonitor Q35 { get; } = new("q35", start => Qemu(start, "q35", []));

    internal static GuestMonitor MicroVm { get; } = new("microvm", start =>
        Qemu(start, "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on", []));

    internal static GuestMonitor VmBusImage { get; } = new("vmbus", static start =>
    [
        start.Environment.VmBus, "run", "--cpus", Processors.ToString(CultureInfo.InvariantCulture), "--memory", $"{MemoryMegabytes}M", "--no-reboot", "--disk", start.Disk!,
    ]);

    internal static GuestMonitor Ovmf { get; } = new("ovmf", start =>
        QemuImage(start, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
            "-drive", $"if=pflash,unit=1,format=raw,file={Path.Combine(start.Environment.Scratch, OvmfVariablesCopy)}"));

    internal static GuestMonitor SeaBios { get; } = new("seabios", static start => QemuImage(start));

    /// <summary>The variables of Debian's OVMF as they come.</summary>
    internal const string OvmfVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd";

    /// <summary>Those of <see cref="Ovmf"/>, in the folder for disks.</summary>
    internal const string OvmfVariablesCopy = "ovmf-variables.fd";

    private static IEnumerable<string> QemuImage(GuestStart start, params string[] firmware)
        // Without system management mode: SeaBIOS would go into it, which a KVM under emulation does not survive, and it serves nobody here.
        => [.. QemuCommon, "-M", "q35,smm=off", .. firmware, .. Filled(start, QemuDisk), "-device", "virtio-blk-pci,drive=disk0,iothread=io0,bootindex=0"];

    private static IEnumerable<string> Ours(GuestStart start, string bus) =>
    [
        start.Environment.VmBus, "run", "--cpus", Processors.ToString(CultureInfo.InvariantCulture), "--memory", $"{MemoryMegabytes}M", "--no-reboot",
        "--kernel", start.Environment.Kernel, "--initrd", start.Initrd, "--append", start.Append,
        .. start.Disk is null ? Array.Empty<string>() : ["--disk", start.Disk + bus],
        .. start.Tap is null ? Array.Empty<string>() : ["--nic", $"tap={start.Tap},queues=1{bus}"],
        .. start.Sockets is null ? Array.Empty<string>() : ["--vsock", start.Sockets],
        .. start.Environment.PollMicroseconds is not { } poll ? Array.Empty<string>() : ["--poll", poll.ToString(CultureInfo.InvariantCulture)],
    ];

    private static IEnumerable<string> QemuNet(GuestStart start, string vhost) =>
        Qemu(start, "q35", ["-netdev", $"tap,id=net0,ifname={start.Tap},script=no,downscript=no,vhost={vhost}", "-device", "virtio-net-pci,netdev=net0"]);

    private static IEnumerable<string> Qemu(GuestStart start, string machine, string[] more)
        => [.. QemuCommon, "-M", machine, "-kernel", start.Environment.Kernel, "-initrd", start.Initrd, "-append", start.Append, .. Filled(start, more)];

    private static IEnumerable<string> Filled(GuestStart start, string[] words)
        => words.Select(word => word.Replace("{disk}", start.Disk, StringComparison.Ordinal).Replace("{poll}", Poll(start), StringComparison.Ordinal));

    private static string Poll(GuestStart start)
        => start.Environment.PollMicroseconds is { } poll ? string.Create(CultureInfo.InvariantCulture, $",poll-max-ns={poll * 1000L}") : "";
}
