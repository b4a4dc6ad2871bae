using VmBus.Host.Images;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Images;

/// <summary>What a partition boots: a kernel of the command line, or the loader that boots the first disk.</summary>
/// <param name="Kernel">Path of the kernel that the machine starts with.</param>
/// <param name="Initrd">Path of its initial RAM disk, or null.</param>
/// <param name="CommandLine">Its command line.</param>
/// <param name="Request">What the loader is asked, or null when there is no loader.</param>
/// <param name="Seed">The disk of cloud-init's data, when there is one.</param>
/// <param name="CloudSeed">That disk's files, when they were made for this run.</param>
internal sealed record BootPlan(string Kernel, string? Initrd, string CommandLine, LoaderRequest? Request, IReadOnlyList<DiskOptions> Seed, CloudSeed? CloudSeed) : IDisposable
{
    /// <summary>Removes the files that were made for this run.</summary>
    public void Dispose() => CloudSeed?.Dispose();
}
