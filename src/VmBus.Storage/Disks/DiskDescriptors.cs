using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>
/// What is open of a disk. Whoever has these descriptors can use it, in whichever process, and needs no rights of its own to the image and starts no program.
/// </summary>
/// <remarks>
/// Of a raw disk: the file, locked. Of the other formats: a connection to the server that serves the image, the place of its socket for further ones, and its process (pidfd).
/// </remarks>
/// <param name="options">What it was opened with, the format resolved.</param>
/// <param name="files">The descriptors, which belong to this object.</param>
public sealed class DiskDescriptors(DiskOptions options, IReadOnlyList<LinuxFile> files) : IDisposable
{
    /// <summary>What it was opened with, the format resolved.</summary>
    public DiskOptions Options { get; } = options;

    /// <summary>The descriptors.</summary>
    public IReadOnlyList<LinuxFile> Files { get; } = files;

    /// <summary>Closes what nobody has taken over: a server without connections ends by itself.</summary>
    public void Dispose()
    {
        foreach (LinuxFile file in Files) file.Dispose();
    }

    /// <summary>The descriptors, as many as there must be.</summary>
    /// <exception cref="DiskException">There are others; they are closed.</exception>
    internal IReadOnlyList<LinuxFile> Take(int count)
    {
        if (Files.Count == count) return Files;
        Dispose();
        throw new DiskException(DiskProblem.Host, $"Disk '{Options.Path}' was given with {Files.Count} descriptors instead of {count}: use programs of the same release.");
    }
}
