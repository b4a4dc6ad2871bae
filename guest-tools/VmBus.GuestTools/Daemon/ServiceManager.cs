using System.Net.Sockets;
using System.Text;

namespace VmBus.GuestTools.Daemon;

/// <summary>Tells systemd how the daemon stands, where systemd asks for it. Source: sd_notify(3).</summary>
internal static class ServiceManager
{
    /// <summary>Sends a line such as <c>READY=1</c>; nothing happens without systemd.</summary>
    public static void Notify(string state)
    {
        string? path = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path)) return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            // @ stands for the NUL of an abstract address.
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
        }
        catch (SocketException)
        {
            // Whoever asked does not listen.
        }
    }
}
