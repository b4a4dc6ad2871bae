using System.Diagnostics;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Bench;

/// <summary>A Hyper-V socket whose other end, at the host, sends everything back.</summary>
internal sealed class SocketLink : IBenchLink
{
    private const int ShortBytes = 64;
    private const int BufferBytes = 64 * 1024;

    // What is on its way there and back at once; more than both socket buffers hold would have both ends wait to write.
    private const int WindowBytes = 64 * 1024;

    private readonly LinuxFile _socket;
    private readonly byte[] _buffer = new byte[BufferBytes];

    private SocketLink(LinuxFile socket, uint port) => (_socket, Name) = (socket, $"a Hyper-V socket to port {port}");

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Connects to the host.</summary>
    /// <exception cref="ToolException">Nobody takes the connection.</exception>
    public static SocketLink Open(uint port) => new(
        VsockSocket.TryConnect(VsockSocket.HostId, port, out int errno) ?? throw new ToolException(
            $"Nobody at the host takes connections to port {port} ({LinuxException.DescribeError(errno)}): with 'vmbus run --vsock PATH', have 'socat UNIX-LISTEN:PATH_{port},fork EXEC:cat' run there."),
        port);

    /// <inheritdoc/>
    public void RoundTrip()
    {
        Write(ShortBytes);
        for (int left = ShortBytes; left > 0;) left -= Read(left);
    }

    /// <inheritdoc/>
    public long? Send(TimeSpan duration) => null;

    /// <inheritdoc/>
    public long Echo(TimeSpan duration)
    {
        long bytes = 0;
        int onItsWay = 0;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            Write(WindowBytes - onItsWay);
            int count = Read(BufferBytes);
            onItsWay = WindowBytes - count;
            bytes += count;
        }

        while (onItsWay > 0)
        {
            int count = Read(onItsWay);
            onItsWay -= count;
            bytes += count;
        }

        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Write(int bytes)
    {
        for (int done = 0; done < bytes;)
        {
            int count = DescriptorIo.Write(_socket.Descriptor, _buffer.AsSpan(done, bytes - done));
            if (count < 0) throw new ToolException($"The host has closed the connection ({LinuxException.DescribeError(-count)}).");
            done += count;
        }
    }

    private int Read(int bytes)
    {
        int count = DescriptorIo.Read(_socket.Descriptor, _buffer.AsSpan(0, bytes));
        return count > 0 ? count : throw new ToolException("The host has closed the connection: does what listens there send everything back?");
    }
}
