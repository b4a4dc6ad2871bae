using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Network.Frames;

namespace VmBus.Network.Links.Passt;

/// <summary>The host's own connections for users without privileges: a supervised <c>passt</c>, which is started again when it ends, here or by whoever has given it.</summary>
internal sealed class PasstLink : IGivenLink
{
    private const int Mtu = 1500;
    private const int EthernetHeader = 14;
    private const ulong BitsPerSecond = 10_000_000_000;

    // A child that cannot live is started ever more rarely; one that lived for a while is started again soon.
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan GoodLife = TimeSpan.FromSeconds(60);

    private readonly ILogger _logger;
    private readonly Action? _askForAnother;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _work = new(false);
    private readonly Thread _supervisor;
    private PasstProcess? _process;
    private PasstStream? _stream;
    private PasstQueue? _queue;
    private PasstProcess? _another;
    private bool _lost;
    private bool _disposed;
    private volatile bool _up = true;
    private volatile FrameFilter _filter = new(default, FrameKinds.None);
    private volatile FrameCapture? _capture;

    private PasstLink(PasstProcess process, Action? askForAnother, ILogger logger)
    {
        _logger = logger;
        _askForAnother = askForAnother;
        _process = process;
        _stream = new PasstStream(process.Connection);
        _supervisor = new Thread(Supervise) { Name = "link-user", IsBackground = true };
        _supervisor.Start();
        Watch(process);
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public string Name => "user";

    /// <inheritdoc/>
    public LinkTraits Traits { get; } = new(1, LinkOffloads.None, LinkOffloads.None, Mtu + EthernetHeader, BitsPerSecond);

    /// <inheritdoc/>
    public bool IsUp => _up;

    /// <inheritdoc/>
    public FrameCapture? Capture
    {
        get => _capture;
        set => _capture = value;
    }

    /// <summary>The child's process id; 0 while there is none.</summary>
    internal int ProcessId
    {
        get
        {
            lock (_gate) return _process?.ProcessId ?? 0;
        }
    }

    /// <summary>Which frames the receiver wants.</summary>
    internal FrameFilter Filter => _filter;

    /// <summary>Starts passt.</summary>
    /// <exception cref="LinkException">It is not installed, or cannot work here.</exception>
    public static PasstLink Open(NicOptions options, ILogger logger)
    {
        Check(options);
        return new PasstLink(PasstProcess.Start(Mtu), null, logger);
    }

    /// <summary>Starts passt for whoever gets the descriptors.</summary>
    /// <exception cref="LinkException">It is not installed, or cannot work here.</exception>
    internal static LinkDescriptors OpenDescriptors(NicOptions options)
    {
        Check(options);
        return new LinkDescriptors(options, PasstProcess.OpenDescriptors(Mtu));
    }

    /// <summary>Uses a passt that another process has started.</summary>
    /// <param name="open">It, taken over.</param>
    /// <param name="lost">Called when it has ended, and again from time to time until there is another.</param>
    /// <param name="logger">For what happens to it later.</param>
    /// <exception cref="LinkException">The descriptors are others.</exception>
    internal static PasstLink Use(LinkDescriptors open, Action lost, ILogger logger) => new(PasstProcess.Take(open), lost, logger);

    /// <inheritdoc/>
    public void Renew(LinkDescriptors open)
    {
        var another = PasstProcess.Take(open);
        PasstProcess? unused;
        lock (_gate)
        {
            // Nobody waits for it when this one serves, or the link is closed.
            bool wanted = _lost && !_disposed;
            unused = wanted ? _another : another;
            if (wanted)
            {
                _another = another;
                _work.Set();
            }
        }

        unused?.Connection.Dispose();
        unused?.Dispose();
    }

    /// <inheritdoc/>
    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        lock (_gate)
        {
            if (_disposed || _queue is not null) return null;
            _queue = new PasstQueue(this, lane, receiver);
            if (!_lost && _stream is not null) _queue.SetStream(_stream);
            return _queue;
        }
    }

    /// <inheritdoc/>
    public void SetReceiveOffloads(LinkOffloads offloads)
    {
        // Every frame of passt's is finished.
    }

    /// <inheritdoc/>
    public void SetFilter(FrameFilter filter) => _filter = filter;

    /// <summary>Ends the child.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }

        _work.Set();
        _supervisor.Join();
        _work.Dispose();
        _stream?.Dispose();
        _process?.Dispose();
        _another?.Connection.Dispose();
        _another?.Dispose();
    }

    private static void Check(NicOptions options)
    {
        if (options.Queues is null or 1) return;
        throw new LinkException(LinkProblem.BadOption, $"Network link 'user' has one queue, not {options.Queues}; leave queues out, or use a TAP.");
    }

    /// <summary>A connection is over. Any thread.</summary>
    internal void Lost(PasstStream stream)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(stream, _stream)) return;
            _lost = true;
        }

        _work.Set();
    }

    /// <summary>The queue has ended.</summary>
    internal void Forget(PasstQueue queue)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_queue, queue)) _queue = null;
        }
    }

    private void Ended(PasstProcess process)
    {
        lock (_gate)
        {
            if (_disposed || !ReferenceEquals(process, _process)) return;
            _lost = true;
            _work.Set();
        }
    }

    private void Supervise()
    {
        TimeSpan delay = FirstDelay;
        long started = Environment.TickCount64;
        while (true)
        {
            _work.WaitOne();
            PasstProcess? over;
            lock (_gate)
            {
                if (_disposed) return;
                if (!_lost) continue;
                over = _process;
                _process = null;
            }

            NetworkLog.Down(_logger, Name, $"passt has ended ({over?.LastWords})");
            over?.Dispose();
            Announce(up: false);
            if (Environment.TickCount64 - started > GoodLife.TotalMilliseconds) delay = FirstDelay;
            if (!TryRestart(ref delay)) return;
            started = Environment.TickCount64;
            NetworkLog.Up(_logger, Name);
            Announce(up: true);
        }
    }

    // False when the link is closed.
    private bool TryRestart(ref TimeSpan delay)
    {
        while (true)
        {
            _askForAnother?.Invoke();
            if (!TryPause(delay)) return false;
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestDelay.Ticks));
            try
            {
                if (TakeAnother() is not { } process) continue;
                Replace(process);
                return true;
            }
            catch (LinkException failure)
            {
                NetworkLog.Refused(_logger, Name, "starting passt", failure.Message);
            }
        }
    }

    // Null when whoever is asked for it has none yet.
    private PasstProcess? TakeAnother()
    {
        if (_askForAnother is null) return PasstProcess.Start(Mtu);
        lock (_gate)
        {
            PasstProcess? another = _another;
            _another = null;
            return another;
        }
    }

    // Ends early when there is another.
    private bool TryPause(TimeSpan delay)
    {
        long end = Environment.TickCount64 + (long)delay.TotalMilliseconds;
        while (end - Environment.TickCount64 is > 0 and var left)
        {
            _work.WaitOne((int)left);
            lock (_gate)
            {
                if (_disposed) return false;
                if (_another is not null) return true;
            }
        }

        return true;
    }

    private void Replace(PasstProcess process)
    {
        lock (_gate)
        {
            PasstStream? old = _stream;
            _process = process;
            _stream = new PasstStream(process.Connection);
            _lost = false;
            // A queue may be using the old one still, and disposes it.
            if (_queue?.Exchange(_stream) != true) old?.Dispose();
        }

        Watch(process);
    }

    private void Watch(PasstProcess process)
    {
        process.Ended += Ended;
        // It may have ended before anyone listened.
        if (process.HasEnded) Ended(process);
    }

    private void Announce(bool up)
    {
        _up = up;
        Changed?.Invoke();
    }
}
