using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.VhostUser;

/// <summary>A socket where front-ends find a device: each has a device, a session and a thread of its own, over what they share.</summary>
/// <remarks>Any thread. It goes on when a front-end goes, so that a virtual machine may be restarted, or its back-end changed.</remarks>
public sealed class VhostUserServer : IDisposable
{
    private readonly LinuxFile _listener;
    private readonly Func<IVirtioDevice> _create;
    private readonly IReadOnlyList<Lane> _lanes;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly List<VhostUserSession> _sessions = [];
    private readonly List<Thread> _threads = [];
    private readonly SemaphoreSlim _places;
    private readonly CancellationTokenSource _ending = new();
    private readonly EventFd _wake = EventFd.Create();
    private readonly Thread _acceptor;
    private int _number;

    private VhostUserServer(string path, LinuxFile listener, Func<IVirtioDevice> create, IReadOnlyList<Lane> lanes, int maximumFrontEnds, ILogger logger)
    {
        Path = path;
        _listener = listener;
        _create = create;
        _lanes = lanes;
        _logger = logger;
        _places = new SemaphoreSlim(maximumFrontEnds);
        _acceptor = new Thread(Accept) { Name = "vhost-accept", IsBackground = true };
    }

    /// <summary>Where it listens.</summary>
    public string Path { get; }

    /// <summary>Front-ends that are connected.</summary>
    public int FrontEnds
    {
        get
        {
            lock (_gate) return _sessions.Count;
        }
    }

    /// <summary>Listens at a path, which only its owner may connect to. A socket that a dead process left there is replaced.</summary>
    /// <param name="path">Where.</param>
    /// <param name="create">Makes the device of a front-end.</param>
    /// <param name="lanes">What queues run on.</param>
    /// <param name="maximumFrontEnds">How many at once; the next one waits until one goes.</param>
    /// <param name="logger">For what front-ends do.</param>
    /// <exception cref="IOException">The path is taken, too long or not to be written; the message says which and what to do.</exception>
    public static VhostUserServer Listen(string path, Func<IVirtioDevice> create, IReadOnlyList<Lane> lanes, int maximumFrontEnds, ILogger logger)
    {
        var server = new VhostUserServer(path, UnixSocket.Claim(path, blocking: false), create, lanes, maximumFrontEnds, logger);
        server._acceptor.Start();
        return server;
    }

    /// <summary>Tells every front-end that the device's configuration space is another.</summary>
    public void TellConfigChanged()
    {
        lock (_gate)
        {
            foreach (VhostUserSession session in _sessions) session.TellConfigChanged();
        }
    }

    /// <summary>Stops listening, removes the socket, and ends every session with nothing under way.</summary>
    public void Dispose()
    {
        _ending.Cancel();
        _wake.Signal();
        _acceptor.Join();
        File.Delete(Path);
        Thread[] threads;
        lock (_gate)
        {
            foreach (VhostUserSession session in _sessions) session.Shutdown();
            threads = [.. _threads];
        }

        foreach (Thread thread in threads) thread.Join();
        _listener.Dispose();
        _wake.Dispose();
        _places.Dispose();
        _ending.Dispose();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                _places.Wait(_ending.Token);
                LinuxFile? connection;
                int errno;
                while ((connection = UnixSocket.TryAccept(_listener, out errno)) is null)
                {
                    // Out of descriptors: those of a session that ends are free again, which nothing tells.
                    if (errno != Errno.EAGAIN) VirtioLog.NotAccepted(_logger, Path, LinuxException.DescribeError(errno));
                    bool comes = errno == Errno.EAGAIN;
                    DescriptorIo.WaitForInput(comes ? _listener.Descriptor : -1, _wake, comes ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(1));
                    if (_ending.IsCancellationRequested) return;
                }

                Serve(connection);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private void Serve(LinuxFile connection)
    {
        var session = new VhostUserSession(Path, _number++, connection, _create(), _lanes, _logger);
        var thread = new Thread(() => Run(session)) { Name = $"vhost-{_number - 1}", IsBackground = true };
        lock (_gate)
        {
            _sessions.Add(session);
            _threads.Add(thread);
        }

        thread.Start();
    }

    private void Run(VhostUserSession session)
    {
        session.Run();
        lock (_gate) _sessions.Remove(session);
        session.Dispose();
        _places.Release();
        // Last: whoever ends the server waits for the threads that are left.
        lock (_gate) _threads.Remove(Thread.CurrentThread);
    }
}
