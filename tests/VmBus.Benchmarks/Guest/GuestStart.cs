namespace VmBus.Benchmarks.Guest;

/// <summary>What a guest is started with.</summary>
/// <param name="Environment">Programs and images.</param>
/// <param name="Initrd">The initramfs.</param>
/// <param name="Append">The kernel's command line.</param>
/// <param name="Disk">A raw disk image, or null.</param>
/// <param name="Tap">A TAP of one queue, or null.</param>
/// <param name="Sockets">The path that our monitor relays the guest's sockets to, or null; QEMU's go to AF_VSOCK.</param>
/// <param name="Namespace">The network namespace for the monitor, or null for the caller's.</param>
internal sealed record GuestStart(BenchmarkEnvironment Environment, string Initrd, string Append, string? Disk, string? Tap = null, string? Sockets = null,
    string? Namespace = null);
