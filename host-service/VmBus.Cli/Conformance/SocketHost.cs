using System.Net.Sockets;
using VmBus.Cli.Options;
using VmBus.Client.Transports;
using VmBus.Native.Linux;

namespace VmBus.Cli.Conformance;

/// <summary>A host in another process, at a Unix socket. Source: protocol-spec/channel.md#another-process.</summary>
internal static class SocketHost
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Connects, and takes the host's memory.</summary>
    /// <exception cref="UsageException">Nobody serves a partition there.</exception>
    public static SocketTransport Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new UsageException($"No host answers at '{path}' ({exception.Message}): start one that serves a partition at this socket, of type seqpacket.");
        }

        return SocketTransport.TryStart(TakeOver(socket), Patience)
            ?? throw new UsageException($"The host at '{path}' does not begin with its memory: it speaks another protocol than protocol-spec/channel.md#another-process.");
    }

    /// <summary>Makes a connected socket one that carries descriptors; it has no other owner then.</summary>
    internal static PacketSocket TakeOver(Socket socket)
    {
        var packets = PacketSocket.Take((int)socket.SafeHandle.DangerousGetHandle());
        // The descriptor has another owner now. The first one is left alone: its Dispose would wait for a close that is not its own.
        socket.SafeHandle.SetHandleAsInvalid();
        return packets;
    }
}
