using VmBus.Native.Linux;

namespace VmBus.Sockets.Connectors;

/// <summary>Sockets of the host that a process connects to by way of another (<see cref="HostConnector"/>).</summary>
/// <param name="Kind">What is there.</param>
/// <param name="Path">The path.</param>
public sealed record ConnectPlace(ConnectKind Kind, string Path)
{
    private const string VsockWord = "vsock=";
    private const string VhostUserWord = "vhost-user=";

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <returns>Null when it is nothing of the kind.</returns>
    public static ConnectPlace? TryParse(string text)
        => text.StartsWith(VsockWord, StringComparison.Ordinal) && text.Length > VsockWord.Length ? new ConnectPlace(ConnectKind.Vsock, text[VsockWord.Length..])
            : text.StartsWith(VhostUserWord, StringComparison.Ordinal) && text.Length > VhostUserWord.Length ? new ConnectPlace(ConnectKind.VhostUser, text[VhostUserWord.Length..])
            : null;

    /// <summary>Connects, with the rights of this process. Does not wait. Any thread.</summary>
    /// <param name="service">Which service of the host, for <see cref="ConnectKind.Vsock"/>; whoever asks chooses nothing else.</param>
    /// <param name="errno">Why not.</param>
    /// <returns>The connection, non-blocking; null when there is none.</returns>
    public LinuxFile? TryConnect(Guid service, out int errno) => Kind switch
    {
        ConnectKind.Vsock => HostSockets.ConnectTo(Path, service, out errno),
        ConnectKind.VhostUser => UnixSocket.TryConnect(Path, out errno),
    };

    /// <summary>The words that name it: <c>vsock=PATH</c> or <c>vhost-user=PATH</c>.</summary>
    public override string ToString() => (Kind == ConnectKind.Vsock ? VsockWord : VhostUserWord) + Path;
}
