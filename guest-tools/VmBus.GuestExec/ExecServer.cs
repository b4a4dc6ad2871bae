using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>Runs commands for the host, a thread for each, and for nobody else. Source: protocol-spec/exec.md.</summary>
/// <remarks>Its user is the one that commands run as; as root it becomes whom the host names.</remarks>
public sealed class ExecServer : IDisposable
{
    private const int StackBytes = 256 * 1024;

    private static readonly TimeSpan AcceptPause = TimeSpan.FromSeconds(1);

    private readonly ExecServerOptions _options;
    private readonly EventFd _stop;
    private readonly CountdownEvent _running = new(1);

    /// <summary>A server that takes connections from <see cref="Begin"/>, for one thread.</summary>
    internal ExecServer(ExecServerOptions options, EventFd stop)
    {
        _options = options;
        _stop = stop;
    }

    /// <summary>Serves until <paramref name="stop"/> is signalled, which stays signalled; then ends the commands that run, and returns when they have ended.</summary>
    /// <exception cref="IOException">The kernel does not let it listen; the message says why and what to do.</exception>
    public static void Run(ExecServerOptions options, EventFd stop)
    {
        using LinuxFile listener = VsockSocket.TryListen(options.Port, out int errno) ?? throw new IOException(Explain(options.Port, errno));
        options.Say($"exec: serves the host on port {options.Port}");
        using var server = new ExecServer(options, stop);
        server.Serve(listener);
    }

    /// <summary>Serves one connection that is there already, on this thread.</summary>
    /// <param name="connection">A stream socket, non-blocking; closed at the end.</param>
    /// <param name="options">How.</param>
    /// <param name="stop">Ends the command; stays signalled.</param>
    public static void Serve(LinuxFile connection, ExecServerOptions options, EventFd stop)
    {
        using var session = new ExecSession(connection, options, stop);
        session.Run();
    }

    /// <inheritdoc/>
    public void Dispose() => _running.Dispose();

    /// <summary>Serves a connection on a thread of its own, or refuses it.</summary>
    /// <param name="connection">As for <see cref="Serve(LinuxFile, ExecServerOptions, EventFd)"/>; closed at the end.</param>
    /// <param name="peer">The context that it comes from.</param>
    internal void Begin(LinuxFile connection, uint peer)
    {
        if (peer != VsockSocket.HostId)
        {
            _options.Warn($"exec: refused a connection of {peer}, which is not the host");
            connection.Dispose();
            return;
        }

        // One is this thread's.
        if (_running.CurrentCount > _options.MaximumCommands)
        {
            Refuse(connection);
            return;
        }

        _running.AddCount();
        new Thread(() => Live(connection), StackBytes) { Name = "exec", IsBackground = true }.Start();
    }

    /// <summary>Waits until what was begun has ended. Nothing is begun any more.</summary>
    internal void WaitForCommands()
    {
        _running.Signal();
        _running.Wait();
    }

    private static string Explain(uint port, int errno) => $"Listening on port {port} of AF_VSOCK failed: {LinuxException.DescribeError(errno)}" + errno switch
    {
        Errno.EACCES => "; ports below 1024 are for root.",
        Errno.EADDRINUSE => "; another exec service runs.",
        Errno.EAFNOSUPPORT => "; this kernel has no such sockets (the module hv_sock).",
        _ => ".",
    };

    private void Serve(LinuxFile listener)
    {
        var poll = new PollSet();
        while (true)
        {
            poll.Clear();
            int stops = poll.Add(_stop.Descriptor, read: true);
            poll.Add(listener.Descriptor, read: true);
            poll.Wait(-1);
            if (poll.IsReadable(stops)) break;
            if (VsockSocket.TryAccept(listener, out uint peer, out int errno) is { } connection) Begin(connection, peer);
            else if (errno != Errno.EAGAIN) Pause(poll, errno);
        }

        WaitForCommands();
    }

    // Without a descriptor to spare the connection stays where it is; looking again at once would find the same.
    private void Pause(PollSet poll, int errno)
    {
        _options.Warn($"exec: taking a connection failed: {LinuxException.DescribeError(errno)}");
        poll.Clear();
        poll.Add(_stop.Descriptor, read: true);
        poll.Wait((int)AcceptPause.TotalMilliseconds);
    }

    private void Live(LinuxFile connection)
    {
        try
        {
            Serve(connection, _options, _stop);
        }
        finally
        {
            _running.Signal();
        }
    }

    // A new connection takes these few bytes.
    private void Refuse(LinuxFile connection)
    {
        _options.Warn($"exec: {_options.MaximumCommands} commands run already");
        var frames = new FrameQueue();
        frames.Add(new ExecError(ExecErrorCode.Busy, $"{_options.MaximumCommands} commands run already"));
        frames.WriteTo(connection);
        connection.Dispose();
    }
}
