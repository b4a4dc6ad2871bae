using Microsoft.Extensions.Logging;
using VmBus.Machine;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Host.Devices;

/// <summary>Where a partition gets its open disks, links and files from: this process opens them, or another has opened them for it.</summary>
/// <remarks>Any thread but a lane. Disks and links of vhost-user back-ends are not opened but connected to, by this process or by a connector.</remarks>
public interface IDeviceOpener
{
    /// <summary>Whether programs that serve disks and links are children of this process, which then must be able to start them again.</summary>
    bool StartsPrograms { get; }

    /// <summary>Opens the host's KVM; it is the caller's.</summary>
    /// <exception cref="KvmUnavailableException">There is none, or this user may not open it.</exception>
    KvmHost OpenKvm();

    /// <summary>A file, or a socket that listens, which is open already, with the access that its use needs.</summary>
    /// <param name="path">Its path.</param>
    /// <returns>It, the caller's; null where the caller opens it itself.</returns>
    LinuxFile? TakeFile(string path);

    /// <summary>Replaces <see cref="DiskFormat.Automatic"/> by the format that will be used.</summary>
    /// <exception cref="IOException">The disk cannot be had; one line that says why and what to do.</exception>
    DiskOptions Resolve(DiskOptions options);

    /// <summary>Opens a disk whose format is resolved.</summary>
    /// <exception cref="IOException">It cannot be had; one line that says why and what to do.</exception>
    IDisk OpenDisk(DiskOptions options, ILogger logger);

    /// <summary>Opens a link.</summary>
    /// <exception cref="IOException">It cannot be had; one line that says why and what to do.</exception>
    ILink OpenLink(NicOptions options, ILogger logger);

    /// <summary>Who connects to sockets of the host for this process.</summary>
    /// <param name="place">Which sockets.</param>
    /// <returns>It, the caller's; null where this process connects itself, as far as it may.</returns>
    HostConnector? TakeConnector(ConnectPlace place);
}
