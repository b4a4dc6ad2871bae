using System.Collections.Frozen;
using VmBus.Lanes;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi;

/// <summary>A SCSI target: logical units with their disks, reservations and unit attentions. Knows no transport.</summary>
/// <remarks>Members may be called from any thread. Source: protocol-spec/scsi.md.</remarks>
public sealed class ScsiTarget
{
    private const int MaximumSerialCharacters = 32;

    private readonly Lock _lock = new();
    private readonly List<ScsiTargetQueue> _queues = [];
    private volatile FrozenDictionary<ScsiAddress, LogicalUnit> _units = FrozenDictionary<ScsiAddress, LogicalUnit>.Empty;

    /// <summary>Raised after logical units came or went or changed size, so that the transport can tell the guest. Any thread.</summary>
    public event Action? Changed;

    /// <summary>All logical units now; a snapshot.</summary>
    internal FrozenDictionary<ScsiAddress, LogicalUnit> Units => _units;

    /// <summary>Adds a logical unit.</summary>
    /// <exception cref="ArgumentException">The address is taken, the serial number is not printable ASCII or too long, or the sector size is
    /// not one that the kind of unit has.</exception>
    public void Add(ScsiAddress address, IDisk disk, ScsiIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(disk);
        ArgumentNullException.ThrowIfNull(identity);
        if (identity.Serial.Length > MaximumSerialCharacters || identity.Serial.Any(c => c is < ' ' or > '~'))
        {
            throw new ArgumentException(
                $"The serial number '{identity.Serial}' is not up to {MaximumSerialCharacters} printable ASCII characters.", nameof(identity));
        }

        int sector = disk.Geometry.LogicalSectorBytes;
        if (sector is not (512 or 1024 or 2048 or 4096) || (identity.Kind == ScsiUnitKind.Dvd && sector > Medium.DvdBlockBytes))
            throw new ArgumentException($"A {identity.Kind} cannot have sectors of {sector} bytes.", nameof(disk));
        var unit = new LogicalUnit(address, disk, identity);
        lock (_lock)
        {
            if (_units.ContainsKey(address)) throw new ArgumentException($"The address {address} is taken.", nameof(address));
            _units = _units.Append(new KeyValuePair<ScsiAddress, LogicalUnit>(address, unit)).ToFrozenDictionary();
        }

        Changed?.Invoke();
    }

    /// <summary>Takes a logical unit away; commands in flight end normally, later ones find no unit. The caller disposes the disk after
    /// <paramref name="drained"/> was called: once, on any thread, perhaps before this returns.</summary>
    /// <returns>False when there is none.</returns>
    public bool Remove(ScsiAddress address, Action drained)
    {
        ArgumentNullException.ThrowIfNull(drained);
        LogicalUnit? unit;
        lock (_lock)
        {
            if (!_units.TryGetValue(address, out unit)) return false;
            _units = _units.Where(pair => pair.Key != address).ToFrozenDictionary();
        }

        // First refuse new channels, then have the attached ones let go: a channel that attached before finds the message behind it.
        unit.Remove(drained);
        lock (_lock)
        {
            foreach (ScsiTargetQueue queue in _queues) queue.PostClose(unit);
        }

        Changed?.Invoke();
        return true;
    }

    /// <summary>Looks at the size of every disk again and raises unit attention where one changed.</summary>
    public void RefreshGeometry()
    {
        bool changed = false;
        foreach (LogicalUnit unit in _units.Values) changed |= unit.RefreshGeometry();
        if (changed) Changed?.Invoke();
    }

    /// <summary>Looks at the size of one disk again and raises unit attention where it changed.</summary>
    /// <returns>True when it changed; false also when no unit has the address, or its medium is out.</returns>
    public bool RefreshGeometry(ScsiAddress address)
    {
        if (!_units.TryGetValue(address, out LogicalUnit? unit) || !unit.RefreshGeometry()) return false;
        Changed?.Invoke();
        return true;
    }

    /// <summary>What a bus or target reset does besides ending commands: RESERVE and PREVENT REMOVAL are dropped, initiators are told by unit
    /// attention. Persistent reservations stay.</summary>
    public void Reset()
    {
        foreach (LogicalUnit unit in _units.Values) unit.Reset();
    }

    /// <summary>What a reset of one logical unit does, as <see cref="Reset()"/>.</summary>
    public void Reset(ScsiAddress address)
    {
        if (_units.TryGetValue(address, out LogicalUnit? unit)) unit.Reset();
    }

    /// <summary>Which logical units there are now, and the bytes of each.</summary>
    public IReadOnlyDictionary<ScsiAddress, long> ReadSizes() => _units.ToDictionary(static unit => unit.Key, static unit => unit.Value.Disk.Geometry.Bytes);

    /// <summary>Opens a way in for one channel. Called on that lane.</summary>
    public ScsiTargetQueue OpenQueue(Lane lane) => OpenQueue(lane, new LaneTurns(lane));

    /// <summary>Opens a way in whose lane is driven by hand.</summary>
    internal ScsiTargetQueue OpenQueue(Lane lane, ILaneTurns turns)
    {
        var queue = new ScsiTargetQueue(this, lane, turns);
        lock (_lock) _queues.Add(queue);
        return queue;
    }

    /// <summary>Calls <paramref name="ended"/> when every command that these initiators have running at a unit has ended. Any thread.</summary>
    internal void AwaitCommands(LogicalUnit unit, ulong[] initiators, Action ended)
    {
        ScsiTargetQueue[] queues;
        lock (_lock) queues = [.. _queues];
        var barrier = new DrainBarrier(queues.Length + 1, ended);
        foreach (ScsiTargetQueue queue in queues) queue.PostAwait(unit, initiators, barrier);
        barrier.Signal();
    }

    /// <summary>Forgets a queue that is being closed.</summary>
    internal void Close(ScsiTargetQueue queue)
    {
        lock (_lock) _queues.Remove(queue);
    }
}
