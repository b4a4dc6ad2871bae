using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Sockets.Connectors;

namespace VmBus.Virtio.Remote;

/// <summary>A switch or another network back-end in another process (DPDK, Open vSwitch, <c>vmbus export net</c>), reached over vhost-user, for whatever bus the guest has.</summary>
/// <remarks>
/// Frames are copied through buffers that the back-end shares: it sees nothing of the guest's memory, and one that is slow or gone holds nothing of the
/// guest's. When it goes the link is down, and it is connected to again when it is back. Source: protocol-spec/vhost-user.md#front-end.
/// </remarks>
public sealed class RemoteLink : ILink, IBackEndUser
{
    /// <summary>Longest frame that can be sent, unsegmented.</summary>
    internal const int MaximumSendBytes = (64 << 10) + 64;

    // Back-ends take eight pieces of memory, and a pair is one.
    private const int MaximumPairs = 8;
    private const int MaximumFrameBytes = 1514;
    private const ulong BitsPerSecond = 10_000_000_000;
    private const ulong Needed = (ulong)VirtioFeatures.Version1;
    private const ulong Wanted = Needed | (ulong)VirtioFeatures.EventIndex
        | (ulong)(NetFeatures.HostChecksum | NetFeatures.HostTcp4 | NetFeatures.HostTcp6 | NetFeatures.HostUdp | NetFeatures.MergeableBuffers | NetFeatures.MultiQueue);

    // As often as QEMU's users have it look.
    private static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(1);

    private readonly BackEnd _backEnd;
    private readonly ILogger _logger;
    private readonly ulong _features;
    private readonly RemoteLinkQueue?[] _queues;
    private readonly bool[] _enabled;
    private readonly Lock _gate = new();
    // Held while the back-end is told of queues, which waits for its answers.
    private readonly Lock _tellingGate = new();
    private RemotePair[]? _pairs;
    private bool _disposed;
    private volatile FrameFilter _filter = new(default, FrameKinds.None);
    private volatile FrameCapture? _capture;

    private RemoteLink(BackEnd backEnd, NicOptions options, int maximumQueues, ILogger logger)
    {
        _backEnd = backEnd;
        _logger = logger;
        Name = options.Name;
        if ((backEnd.Features & Needed) != Needed)
            throw new BackEndException($"{backEnd.Subject} has a back-end that does not offer virtio 1.0 (bit 32), which is needed: use another back-end.");
        _features = backEnd.Features & Wanted;
        int pairs = Math.Clamp(Math.Min(backEnd.QueueCount, maximumQueues), 1, MaximumPairs);
        if (pairs == 1) _features &= ~(ulong)NetFeatures.MultiQueue;
        _queues = new RemoteLinkQueue?[pairs];
        _enabled = new bool[pairs];
        Traits = new LinkTraits(pairs, SendOffloads(), LinkOffloads.None, MaximumFrameBytes, BitsPerSecond);
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public LinkTraits Traits { get; }

    /// <inheritdoc/>
    public bool IsUp
    {
        get
        {
            lock (_gate) return _pairs is not null;
        }
    }

    /// <inheritdoc/>
    public FrameCapture? Capture
    {
        get => _capture;
        set => _capture = value;
    }

    /// <summary>Which frames the receivers want.</summary>
    internal FrameFilter Filter => _filter;

    /// <summary>Connects to the back-end.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="maximumQueues">Queues that are of use.</param>
    /// <param name="logger">For what becomes of the back-end.</param>
    /// <param name="connector">By whom it is connected to, who becomes the opened object's; null where this process may.</param>
    /// <exception cref="BackEndException">There is none, or it lacks what is needed; the message is one line that says why and what to do.</exception>
    public static RemoteLink Open(NicOptions options, int maximumQueues, ILogger logger, HostConnector? connector = null)
    {
        var backEnd = BackEnd.Connect(options.Target, $"Network adapter '{options.Name}'", Reconnect, configBytes: 0, connector, logger);
        RemoteLink? link = null;
        try
        {
            link = new RemoteLink(backEnd, options, Math.Min(maximumQueues, options.Queues ?? maximumQueues), logger);
            link.SetUp();
            backEnd.Attend(link);
            return link;
        }
        catch
        {
            backEnd.Dispose();
            link?.FreePairs();
            throw;
        }
    }

    /// <inheritdoc/>
    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver)
    {
        RemoteLinkQueue queue;
        lock (_gate)
        {
            int index = Array.IndexOf(_queues, null);
            if (_disposed || index < 0) return null;
            queue = new RemoteLinkQueue(this, lane, receiver);
            _queues[index] = queue;
            _pairs?[index].DropReceived();
            queue.Adopt(_pairs?[index]);
        }

        TellEnabled();
        return queue;
    }

    /// <summary>Nothing: frames come finished.</summary>
    public void SetReceiveOffloads(LinkOffloads offloads)
    {
        // The traits say so.
    }

    /// <inheritdoc/>
    public void SetFilter(FrameFilter filter) => _filter = filter;

    /// <inheritdoc/>
    void IBackEndUser.ConfigChanged()
    {
        // It has no configuration.
    }

    /// <inheritdoc/>
    void IBackEndUser.Lost(bool mayReturn)
    {
        VirtioLog.LinkAway(_logger, Name, Reconnect.TotalSeconds);
        FreePairs();
        Changed?.Invoke();
    }

    /// <inheritdoc/>
    void IBackEndUser.Returned()
    {
        try
        {
            SetUp();
        }
        catch (BackEndException)
        {
            FreePairs();
            throw;
        }

        VirtioLog.LinkReturned(_logger, Name);
        Changed?.Invoke();
    }

    /// <summary>Ends the connection. Every queue is closed.</summary>
    public void Dispose()
    {
        lock (_gate) _disposed = true;
        _backEnd.Dispose();
        FreePairs();
    }

    /// <summary>A queue has ended. On its lane.</summary>
    internal void Forget(RemoteLinkQueue queue)
    {
        lock (_gate)
        {
            int index = Array.IndexOf(_queues, queue);
            if (index < 0) return;
            _queues[index] = null;
        }

        TellEnabled();
    }

    /// <summary>The back-end has broken the rules of a queue. On a lane.</summary>
    internal void Broken()
    {
        VirtioLog.LinkBroken(_logger, Name);
        _backEnd.Disconnect();
    }

    private LinkOffloads SendOffloads()
    {
        LinkOffloads offloads = LinkOffloads.None;
        var features = (NetFeatures)_features;
        // Segments are given their checksums by whoever makes them.
        if ((features & NetFeatures.HostChecksum) == 0) return offloads;
        offloads |= LinkOffloads.Checksum;
        if ((features & NetFeatures.HostTcp4) != 0) offloads |= LinkOffloads.Tcp4Segmentation;
        if ((features & NetFeatures.HostTcp6) != 0) offloads |= LinkOffloads.Tcp6Segmentation;
        if ((features & NetFeatures.HostUdp) != 0) offloads |= LinkOffloads.UdpSegmentation;
        return offloads;
    }

    // New queues for a new connection.
    private void SetUp()
    {
        bool eventIndex = (_features & (ulong)VirtioFeatures.EventIndex) != 0;
        RemotePair[] pairs = [.. Enumerable.Range(0, _queues.Length).Select(index => new RemotePair(index, eventIndex))];
        lock (_gate) _pairs = pairs;
        lock (_tellingGate)
        {
            _backEnd.SetUp(_features, [.. pairs.Select(static pair => pair.Region)], [.. pairs.Select(static pair => (SafeHandle)pair.File)]);
            for (int i = 0; i < pairs.Length; i++)
            {
                _enabled[i] = IsOpen(i);
                _backEnd.StartQueue(pairs[i].ReceiveQueue, _enabled[i]);
                _backEnd.StartQueue(pairs[i].SendQueue, _enabled[i]);
                pairs[i].ReceiveKick.Signal();
            }
        }

        lock (_gate)
        {
            for (int i = 0; i < pairs.Length; i++)
            {
                RemotePair pair = pairs[i];
                RemoteLinkQueue? queue = _queues[i];
                _ = queue?.OnLane(() => queue.Adopt(pair));
            }
        }

        TellEnabled();
    }

    private bool IsOpen(int index)
    {
        lock (_gate) return _queues[index] is not null;
    }

    // A queue may still copy: the lane that it is on lets go of its pair before that ends.
    private void FreePairs()
    {
        lock (_gate)
        {
            if (_pairs is not { } pairs) return;
            _pairs = null;
            for (int i = 0; i < pairs.Length; i++)
            {
                RemotePair pair = pairs[i];
                RemoteLinkQueue? queue = _queues[i];
                bool left = queue?.OnLane(() =>
                {
                    queue.Adopt(null);
                    pair.Dispose();
                }) ?? false;
                if (!left) pair.Dispose();
            }
        }
    }

    // Not on a lane, which waits for nobody.
    private void TellEnabled() => ThreadPool.UnsafeQueueUserWorkItem(
        static link =>
        {
            lock (link._tellingGate)
            {
                for (int i = 0; i < link._enabled.Length; i++) link.TellEnabled(i);
            }
        },
        this,
        preferLocal: false);

    private void TellEnabled(int index)
    {
        bool open = IsOpen(index);
        if (open == _enabled[index] || !IsUp) return;
        try
        {
            _backEnd.EnableQueue(2 * index, open);
            _backEnd.EnableQueue((2 * index) + 1, open);
            _enabled[index] = open;
        }
        catch (BackEndException)
        {
            // It has gone, and is told when it is back.
        }
    }
}
