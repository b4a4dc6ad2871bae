using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Scsi;

/// <summary>A virtio SCSI host of one driver over a target, which may have other initiators of either bus.</summary>
/// <remarks>The target is the giver's. Source: virtio 1.3, 5.6; protocol-spec/virtio.md#scsi.</remarks>
public sealed class ScsiHost : IVirtioDevice
{
    /// <summary>Largest data buffer of a command, as for guests of the VMBus.</summary>
    internal const int MaximumTransferBytes = 2 << 20;

    private const int ControlQueue = 0;
    private const int EventQueue = 1;
    private const int FixedQueues = 2;
    private const int QueueSize = 1024;
    private const uint SectorBytes = 512;

    // As many pieces as fit a chain of a common queue with request and answer.
    private const int MaximumSegments = 254;

    private readonly ScsiTarget _target;
    private readonly ulong _initiator;
    private readonly int _requestQueues;
    private readonly Lock _gate = new();
    private readonly List<(ScsiRequestQueue Queue, Lane Lane)> _queues = [];
    private IReadOnlyDictionary<ScsiAddress, long> _known;
    private (ScsiEvents Events, Lane Lane)? _events;
    private volatile uint _senseBytes = VirtioScsiConfig.DefaultSenseBytes;
    private volatile uint _commandBytes = VirtioScsiConfig.DefaultCommandBytes;

    /// <summary>A host for one driver.</summary>
    /// <param name="target">The logical units, those of path 0 and target 0.</param>
    /// <param name="name">What it is called in logs.</param>
    /// <param name="initiator">By which the target tells it from other initiators.</param>
    /// <param name="requestQueues">Queues for commands.</param>
    public ScsiHost(ScsiTarget target, string name, ulong initiator, int requestQueues)
    {
        _target = target;
        _initiator = initiator;
        _requestQueues = requestQueues;
        Name = name;
        _known = target.ReadSizes();
        _target.Changed += TargetChanged;
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Scsi;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ulong Features => (ulong)(VirtioScsiFeatures.HotPlug | VirtioScsiFeatures.Change) | (ulong)Virtqueue.Features;

    /// <inheritdoc/>
    public int QueueCount => FixedQueues + _requestQueues;

    /// <inheritdoc/>
    public int FrontEndQueueCount => QueueCount;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    internal ulong Initiator => _initiator;

    internal int SenseBytes => (int)_senseBytes;

    internal int CommandBytes => (int)_commandBytes;

    internal ScsiTarget Target => _target;

    /// <inheritdoc/>
    public int LaneOf(int queue) => Math.Max(0, queue - FixedQueues);

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        new VirtioScsiConfig((uint)_requestQueues, MaximumSegments, MaximumTransferBytes / SectorBytes, _senseBytes, _commandBytes, byte.MaxValue).Write(destination);
        return VirtioScsiConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        if (source.Length != sizeof(uint)) return false;
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(source);
        switch (offset)
        {
            case VirtioScsiConfig.SenseOffset when value <= byte.MaxValue:
                _senseBytes = value;
                return true;
            case VirtioScsiConfig.CommandOffset when value is >= ScsiRequest.MaximumCdbBytes and <= byte.MaxValue:
                _commandBytes = value;
                return true;
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        switch (index)
        {
            case ControlQueue:
                return new ScsiControl(this, queue, lane);
            case EventQueue:
                var events = new ScsiEvents(this, queue, (VirtioScsiFeatures)features);
                lock (_gate) _events = (events, lane);
                return events;
            default:
                var commands = new ScsiRequestQueue(this, queue, _target.OpenQueue(lane));
                lock (_gate) _queues.Add((commands, lane));
                return commands;
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _senseBytes = VirtioScsiConfig.DefaultSenseBytes;
        _commandBytes = VirtioScsiConfig.DefaultCommandBytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _target.Changed -= TargetChanged;

    internal void Closed(ScsiRequestQueue queue)
    {
        lock (_gate) _queues.RemoveAll(open => open.Queue == queue);
    }

    internal void Closed(ScsiEvents events)
    {
        lock (_gate)
        {
            if (_events?.Events == events) _events = null;
        }
    }

    /// <summary>Calls back once every command that is under way and meant has ended, with how many there were. Any thread, then any lane.</summary>
    internal void AwaitCommands(ScsiTaskFilter filter, Action<int> ended)
    {
        (ScsiRequestQueue Queue, Lane Lane)[] queues;
        lock (_gate) queues = [.. _queues];
        var barrier = new ScsiTaskBarrier(ended);
        foreach ((ScsiRequestQueue queue, Lane lane) in queues)
        {
            barrier.Add();
            lane.Post(() => queue.Await(filter, barrier));
        }

        barrier.Signal();
    }

    /// <summary>Calls back with how many commands that are meant are under way. Any thread, then any lane.</summary>
    internal void CountCommands(ScsiTaskFilter filter, Action<int> counted)
    {
        (ScsiRequestQueue Queue, Lane Lane)[] queues;
        lock (_gate) queues = [.. _queues];
        var barrier = new ScsiTaskBarrier(counted);
        foreach ((ScsiRequestQueue queue, Lane lane) in queues)
        {
            barrier.Add();
            lane.Post(() =>
            {
                barrier.Count(queue.CountOf(filter));
                barrier.Signal();
            });
        }

        barrier.Signal();
    }

    // Any thread.
    private void TargetChanged()
    {
        lock (_gate)
        {
            IReadOnlyDictionary<ScsiAddress, long> now = _target.ReadSizes();
            if (_events is { } open)
            {
                foreach ((ScsiAddress address, long bytes) in now)
                {
                    if (!_known.TryGetValue(address, out long before)) Post(open, VirtioScsiEvent.Transport, address, VirtioScsiLayout.UnitCame);
                    else if (before != bytes) Post(open, VirtioScsiEvent.Changed, address, VirtioScsiLayout.CapacityChanged);
                }

                foreach (ScsiAddress address in _known.Keys.Where(address => !now.ContainsKey(address)))
                    Post(open, VirtioScsiEvent.Transport, address, VirtioScsiLayout.UnitWent);
            }

            _known = now;
        }
    }

    private static void Post((ScsiEvents Events, Lane Lane) open, VirtioScsiEvent what, ScsiAddress address, uint reason)
    {
        // A driver of this host sees one target.
        if (address is { Path: 0, Target: 0 }) open.Lane.Post(() => open.Events.Add(what, address.Lun, reason));
    }
}
