using VmBus.Native.Linux;

namespace VmBus.Sockets.Connectors;

/// <summary>Connects to sockets of the host by way of another process, which may where this one may not (<see cref="ConnectorServer"/>).</summary>
/// <remarks>
/// Any thread, also a lane: the other process does nothing but this, and answers at once. One that does not is given up for good, as its answer could come to the next question.
/// Source: protocol-spec/given.md#connecting.
/// </remarks>
/// <param name="connection">To that process; it is this object's.</param>
public sealed class HostConnector(LinuxFile connection) : IDisposable
{
    // Only a host that is out of memory or processor time takes as long, and then the guest is refused and asks again.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    private readonly DescriptorSocket _connection = DescriptorSocket.Take(connection);
    private readonly EventFd _stop = EventFd.Create();
    private readonly Lock _gate = new();
    private readonly int[] _received = new int[DescriptorSocket.MaximumDescriptors];
    private bool _isOver;
    private int _disposed;

    /// <summary>Connects.</summary>
    /// <param name="service">Which service of the host; nothing of that at the place of a back-end.</param>
    /// <param name="errno">Why not: that of the connect; EPIPE when the other process has gone, ETIMEDOUT when it does not answer.</param>
    /// <returns>The connection, non-blocking; null when there is none.</returns>
    public LinuxFile? TryConnect(Guid service, out int errno)
    {
        lock (_gate)
        {
            LinuxFile? made = null;
            errno = _isOver ? Errno.EPIPE : Ask(service, out made);
            _isOver |= errno is Errno.EPIPE or Errno.ETIMEDOUT;
            return made;
        }
    }

    /// <summary>Ends the connection, and with the last one the other process. Whoever is in <see cref="TryConnect"/> gets no answer.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _stop.Signal();
        lock (_gate)
        {
            _isOver = true;
            _connection.Dispose();
        }

        _stop.Dispose();
    }

    private int Ask(Guid service, out LinuxFile? made)
    {
        made = null;
        Span<byte> message = stackalloc byte[ConnectMessage.RequestBytes];
        ConnectMessage.WriteRequest(message, service);
        if (_connection.Send(message, wait: false) < 0) return Errno.EPIPE;
        if (!WaitForAnswer(out bool stopped)) return stopped ? Errno.EPIPE : Errno.ETIMEDOUT;
        int bytes = _connection.Receive(message[..ConnectMessage.AnswerBytes], _received, out int count);
        foreach (int further in _received.AsSpan(0, count)[Math.Min(count, 1)..]) DescriptorSocket.Close(further);
        LinuxFile? file = count > 0 ? new LinuxFile(_received[0]) : null;
        int answer = bytes == ConnectMessage.AnswerBytes ? ConnectMessage.ReadAnswer(message) : -1;
        if (answer == 0 && file is not null)
        {
            made = file;
            return 0;
        }

        file?.Dispose();
        return answer > 0 ? answer : Errno.EPIPE;
    }

    private bool WaitForAnswer(out bool stopped)
    {
        (bool readable, stopped) = DescriptorIo.WaitForInput((int)_connection.DangerousGetHandle(), _stop, AnswerLimit);
        return readable && !stopped;
    }
}
