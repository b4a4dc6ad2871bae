using VmBus.Native.Linux;

namespace VmBus.Network.Links;

/// <summary>What is open of a link. Whoever has these descriptors can use it, in whichever process, and needs no rights of its own to the interface and starts no program.</summary>
/// <remarks>Of a TAP: its queues, one more than frames can use where there are several. Of passt: the connection, and the process (pidfd).</remarks>
/// <param name="options">What it was opened with.</param>
/// <param name="files">The descriptors, which belong to this object.</param>
public sealed class LinkDescriptors(NicOptions options, IReadOnlyList<LinuxFile> files) : IDisposable
{
    /// <summary>Most descriptors of one link: as many as a message between processes carries.</summary>
    public const int MaximumCount = DescriptorSocket.MaximumDescriptors;

    /// <summary>What it was opened with.</summary>
    public NicOptions Options { get; } = options;

    /// <summary>The descriptors.</summary>
    public IReadOnlyList<LinuxFile> Files { get; } = files;

    /// <summary>Closes what nobody has taken over: a TAP that was made for the link goes with its last queue, passt ends by itself.</summary>
    public void Dispose()
    {
        foreach (LinuxFile file in Files) file.Dispose();
    }
}
