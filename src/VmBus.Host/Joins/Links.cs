using Microsoft.Extensions.Logging;
using VmBus.Host.Devices;
using VmBus.Network.Links;
using VmBus.Sockets.Connectors;
using VmBus.Virtio.Remote;

namespace VmBus.Host.Joins;

/// <summary>Opens the links of partitions and exports, of every kind.</summary>
internal static class Links
{
    /// <summary>Opens a link.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="maximumQueues">Queues that are of use: the lanes there will be.</param>
    /// <param name="devices">Opens those that are not a back-end's.</param>
    /// <param name="logger">For what happens to the link later.</param>
    /// <exception cref="IOException">It cannot be used; the message is one line that says why and what to do.</exception>
    public static ILink Open(NicOptions options, int maximumQueues, IDeviceOpener devices, ILogger logger)
        => options.Kind == LinkKind.VhostUser
            ? RemoteLink.Open(options, maximumQueues, logger, devices.TakeConnector(new ConnectPlace(ConnectKind.VhostUser, options.Target)))
            : devices.OpenLink(options, logger);
}
