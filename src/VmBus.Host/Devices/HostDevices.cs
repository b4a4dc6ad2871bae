using Microsoft.Extensions.Logging;
using VmBus.Machine;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Host.Devices;

/// <summary>Opens what the host has, with the rights of this process.</summary>
public sealed class HostDevices : IDeviceOpener
{
    private HostDevices()
    {
    }

    /// <summary>The only one.</summary>
    public static HostDevices Instance { get; } = new();

    /// <inheritdoc/>
    public bool StartsPrograms => true;

    /// <inheritdoc/>
    public KvmHost OpenKvm() => KvmHost.Open();

    /// <inheritdoc/>
    public LinuxFile? TakeFile(string path) => null;

    /// <inheritdoc/>
    public DiskOptions Resolve(DiskOptions options) => DiskFactory.Resolve(options);

    /// <inheritdoc/>
    public IDisk OpenDisk(DiskOptions options, ILogger logger) => DiskFactory.Open(options, logger);

    /// <inheritdoc/>
    public ILink OpenLink(NicOptions options, ILogger logger) => LinkFactory.Open(options, logger);

    /// <inheritdoc/>
    public HostConnector? TakeConnector(ConnectPlace place) => null;
}
