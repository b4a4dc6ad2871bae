namespace VmBus.Sockets.Connectors;

/// <summary>What is at a <see cref="ConnectPlace"/>.</summary>
public enum ConnectKind
{
    /// <summary>The programs of the host that a guest's connections go to, each at a socket beside the path (<see cref="HostSockets"/>).</summary>
    Vsock,

    /// <summary>A vhost-user back-end, at the path itself.</summary>
    VhostUser,
}
