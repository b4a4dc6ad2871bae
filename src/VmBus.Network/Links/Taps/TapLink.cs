using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Network.Frames;

namespace VmBus.Network.Links.Taps;

/// <summary>A TAP interface of the host kernel: one of the operator's, or one made for the adapter and, if wished, joined to a bridge.</summary>
/// <remarks>
/// The link keeps one queue of a multi-queue interface open but detached, so that the interface lives while the adapter is closed; each open
/// queue of the link is an attached one. Those that another process has opened for this one wait detached as well. A thread waits for the kernel's reports of interfaces that change:
/// nothing is polled.
/// </remarks>
internal sealed partial class TapLink : IGivenLink
{
    // What one TAP carries has no nominal speed; guests show this one.
    private const ulong BitsPerSecond = 10_000_000_000;
    private const int EthernetHeader = 14;

    // Guests go no further.
    private const int LargestMtu = 9000;
    private const int SmallestMtu = 68;
    private const int DefaultQueues = 16;
    private const int SmallestQueueFrames = 500;

    private static readonly TimeSpan AskPeriod = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger;
    private readonly NicOptions _options;

    // Queues that another process has opened and no queue of the link uses; null where this process opens them.
    private readonly Queue<TapDevice>? _given;

    // Those that queues of the link use, of the interface as it is now.
    private readonly HashSet<TapDevice> _lent = [];
    private readonly Action? _lost;
    private readonly RouteSocket _route;
    private readonly RouteSocket _changes;
    private readonly EventFd _wake = EventFd.Create();
    private readonly Lock _gate = new();
    private readonly List<TapQueue> _queues = [];
    private readonly bool _multiple;
    private readonly Thread _monitor;
    private BridgePort? _bridge;
    private string _interface;
    private TapDevice? _anchor;
    private bool _mustBeRenewed;
    private int _mtu;
    private bool _disposed;
    private volatile bool _up;
    private volatile string _reason = string.Empty;
    private volatile FrameFilter _filter = new(default, FrameKinds.None);
    private volatile LinkOffloads _offloads;
    private volatile FrameCapture? _capture;

    private TapLink(NicOptions options, Found found, Queue<TapDevice>? given, Action? lost, RouteSocket route, RouteSocket changes, ILogger logger)
    {
        Name = options.Name;
        _options = options;
        _given = given;
        _lost = lost;
        _logger = logger;
        _route = route;
        _changes = changes;
        _bridge = found.Bridge;
        _anchor = found.Anchor;
        _interface = found.Interface.Name;
        _multiple = found.Multiple;
        _mtu = found.Interface.Mtu;
        KnowsNow = found.KnowsNow;
        QueueFrames = Math.Max(found.Interface.QueueFrames, SmallestQueueFrames);
        LinkOffloads offloads = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation
            | (found.Udp ? LinkOffloads.UdpSegmentation : LinkOffloads.None);
        Traits = new LinkTraits(
            found.Multiple ? given?.Count ?? options.Queues ?? DefaultQueues : 1,
            offloads,
            offloads,
            Math.Clamp(_mtu, SmallestMtu, LargestMtu) + EthernetHeader,
            BitsPerSecond);
        CaptureName = found.Interface.Name;
        if (!found.Multiple && options.Queues is not 1) NetworkLog.OneQueue(logger, Name, _interface);
        Refresh();
        _monitor = new Thread(Watch) { Name = $"link-{_interface}", IsBackground = true };
        _monitor.Start();
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public LinkTraits Traits { get; }

    /// <inheritdoc/>
    public bool IsUp => _up;

    /// <inheritdoc/>
    public FrameCapture? Capture
    {
        get => _capture;
        set => _capture = value;
    }

    /// <summary>What the frames are labelled with.</summary>
    internal string CaptureName { get; }

    /// <summary>The interface's name now.</summary>
    internal string InterfaceName
    {
        get
        {
            lock (_gate) return _interface;
        }
    }

    /// <summary>What is to be done to frames by others, as the receivers take it.</summary>
    internal LinkOffloads ReceiveOffloads => _offloads;

    /// <summary>Which frames the receivers want.</summary>
    internal FrameFilter Filter => _filter;

    /// <summary>
    /// Whether the device takes reads and writes that never wait (Linux 6.4). Without that, io_uring keeps a read until a frame comes.
    /// </summary>
    internal bool KnowsNow { get; set; }

    /// <summary>Frames that wait in a queue at most.</summary>
    internal int QueueFrames { get; }

    /// <inheritdoc/>
    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        lock (_gate)
        {
            if (_disposed || _queues.Count >= Traits.MaximumQueues) return null;
            var queue = new TapQueue(this, lane, receiver);
            _queues.Add(queue);
            if (_anchor is not null && TryOpenFor(out TapDevice? device)) queue.SetDevice(device);
            return queue;
        }
    }

    /// <inheritdoc/>
    public void SetReceiveOffloads(LinkOffloads offloads)
    {
        lock (_gate)
        {
            offloads &= Traits.ReceiveOffloads;
            // The kernel segments only where it may leave the checksums too.
            if ((offloads & LinkOffloads.Checksum) == 0) offloads = LinkOffloads.None;
            _offloads = offloads;
            if (_anchor is not null) ApplyOffloads(_anchor);
        }
    }

    /// <inheritdoc/>
    public void SetFilter(FrameFilter filter)
    {
        lock (_gate)
        {
            if (filter == _filter) return;
            _filter = filter;
            if (_anchor is null) return;
            ApplyFilter(_anchor);
            // What the kernel let pass before is still in the queues.
            foreach (TapQueue queue in _queues) queue.JudgeWaiting();
        }
    }

    /// <summary>Closes the interface, which ends with it when it was made for the link.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }

        _wake.Signal();
        _monitor.Join();
        lock (_gate)
        {
            _bridge?.Leave();
            // An operator's TAP is left as it was found.
            _anchor?.RemoveFilter();
            if (_anchor is not null) _ = _anchor.SetOffloads(TapOffloads.None);
            _anchor?.Dispose();
            _anchor = null;
            CloseGiven();
        }

        _route.Dispose();
        _changes.Dispose();
        _wake.Dispose();
    }

    /// <summary>Whether what waits in a device that a queue begins with is old: nobody has read it for a while.</summary>
    internal bool HasOldFrames => !_multiple || _given is not null;

    /// <summary>A queue uses a device no longer. Any thread.</summary>
    internal void Release(TapDevice device)
    {
        lock (_gate)
        {
            // The only queue of the interface is the link's.
            if (ReferenceEquals(device, _anchor)) return;
            if (_lent.Remove(device) && !_disposed && device.Detach() == 0)
            {
                _given!.Enqueue(device);
                return;
            }
        }

        device.Dispose();
    }

    /// <summary>A queue has ended.</summary>
    internal void Forget(TapQueue queue)
    {
        lock (_gate) _queues.Remove(queue);
    }

    private static TapOffloads ToKernel(LinkOffloads offloads)
    {
        TapOffloads kernel = TapOffloads.None;
        if ((offloads & LinkOffloads.Checksum) != 0) kernel |= TapOffloads.Checksum;
        if ((offloads & LinkOffloads.Tcp4Segmentation) != 0) kernel |= TapOffloads.Tcp4 | TapOffloads.CongestionMark;
        if ((offloads & LinkOffloads.Tcp6Segmentation) != 0) kernel |= TapOffloads.Tcp6 | TapOffloads.CongestionMark;
        if ((offloads & LinkOffloads.UdpSegmentation) != 0) kernel |= TapOffloads.Udp;
        return kernel;
    }

    private void ApplyOffloads(TapDevice device)
    {
        int refused = device.SetOffloads(ToKernel(_offloads));
        if (refused < 0) NetworkLog.Refused(_logger, Name, "setting offloads", LinuxException.DescribeError(-refused));
    }

    private void ApplyFilter(TapDevice device)
    {
        int refused = device.SetFilter(TapFilter.Write(_filter));
        if (refused < 0) NetworkLog.Refused(_logger, Name, "setting the filter", LinuxException.DescribeError(-refused));
    }

    private bool TryOpenFor([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TapDevice? device)
    {
        if (!_multiple)
        {
            device = _anchor!;
            return true;
        }

        int errno = _given is null ? 0 : Errno.EBUSY;
        if (_given is null) device = TapDevice.TryOpen(_interface, multipleQueues: true, out errno);
        else if (_given.TryDequeue(out device)) errno = Attach(device);
        if (device is null || errno != 0)
        {
            NetworkLog.Refused(_logger, Name, "opening a queue", LinuxException.DescribeError(errno));
            device?.Dispose();
            device = null;
            return false;
        }

        if (_given is not null) _lent.Add(device);
        // The kernel filters the queues that are attached when the filter is set: this one comes later.
        ApplyFilter(device);
        return true;
    }

    // The kernel says that it has attached a queue, and has not, while there is a filter. So the others' queues take for a moment what nobody wants.
    private int Attach(TapDevice device)
    {
        _anchor!.RemoveFilter();
        int errno = -device.Attach();
        if (errno != 0) ApplyFilter(_anchor);
        foreach (TapQueue queue in _queues) queue.JudgeWaiting();
        return errno;
    }

    private void CloseGiven()
    {
        _lent.Clear();
        while (_given is not null && _given.TryDequeue(out TapDevice? queue)) queue.Dispose();
    }
}
