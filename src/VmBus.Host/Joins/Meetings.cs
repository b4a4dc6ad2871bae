using VmBus.Host.Devices;
using VmBus.Sockets;
using VmBus.Sockets.Connectors;

namespace VmBus.Host.Joins;

/// <summary>Opens the place where programs of the host and of the guest meet, for sockets of either bus.</summary>
internal static class Meetings
{
    /// <summary>Opens it.</summary>
    /// <param name="options">Where.</param>
    /// <param name="devices">Who may have made it for this process already, which then may connect to no program itself.</param>
    /// <exception cref="IOException">It cannot be used; the message says which and what to do.</exception>
    public static HostSockets Open(SocketOptions options, IDeviceOpener devices)
        => devices.TakeFile(options.Path) is { } listener
            ? HostSockets.Take(options.Path, listener, devices.TakeConnector(new ConnectPlace(ConnectKind.Vsock, options.Path)))
            : HostSockets.Listen(options.Path);
}
