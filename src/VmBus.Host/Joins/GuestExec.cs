using System.Net.Sockets;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;
using VmBus.Providers.Sockets;

namespace VmBus.Host.Joins;

/// <summary>Connections to the guest's exec service. Any thread. Source: protocol-spec/exec.md#connection.</summary>
internal static class GuestExec
{
    // Longer than the answer of a provider ("OK" and a port) by far.
    private const int MaximumAnswerBytes = 64;

    /// <summary>Connects, and waits until the guest has taken the connection.</summary>
    /// <param name="sockets">The partition's sockets; null where the service is off.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="IOException">The service is off here, or nobody serves it in the guest.</exception>
    /// <exception cref="ObjectDisposedException">The bus has ended.</exception>
    public static async Task<Stream> OpenAsync(SocketProvider? sockets, CancellationToken cancellation)
    {
        if (sockets is null) throw new IOException("Commands in the guest are off for this partition: start it with 'vmbus run --exec'.");
        NetworkStream stream = Wrap(sockets.Connect(ExecProtocol.Port));
        try
        {
            await ReceiveAnswerAsync(stream, cancellation).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static NetworkStream Wrap(LinuxFile file)
    {
        var socket = new Socket(new SafeSocketHandle(file.Descriptor, ownsHandle: true));
        file.SetHandleAsInvalid();
        return new NetworkStream(socket, ownsSocket: true);
    }

    // Byte by byte: what follows is the service's.
    private static async Task ReceiveAnswerAsync(NetworkStream stream, CancellationToken cancellation)
    {
        byte[] next = new byte[1];
        for (int count = 0; count < MaximumAnswerBytes; count++)
        {
            if (await stream.ReadAsync(next, cancellation).ConfigureAwait(false) == 0) break;
            if (next[0] == '\n') return;
        }

        throw new IOException(
            $"The guest does not take commands: it has no exec service on port {ExecProtocol.Port}. Start 'vmbus-guest-exec' in it; it needs hv_sock and VMBus 4.0.");
    }
}
