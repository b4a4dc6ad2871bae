using System.Text;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi.Reservations;

namespace VmBus.Storage.Scsi.Units;

/// <summary>One logical unit: a disk, who it says it is, and what it remembers about initiators. Any thread.</summary>
internal sealed class LogicalUnit
{
    // Transports name one initiator per controller; beyond this many they share one state, so that memory stays bounded.
    private const int MaximumNexuses = 256;

    private readonly Lock _lock = new();
    private readonly List<Nexus> _nexuses = [];
    private readonly HashSet<ulong> _preventing = [];
    private readonly Nexus _overflow = new(ulong.MaxValue);
    private volatile Medium? _medium;
    private volatile bool _removed;
    private int _compareAndWrite;
    private int _mediumEvent;
    private int _openQueues;
    private Action? _drained;

    internal LogicalUnit(ScsiAddress address, IDisk disk, ScsiIdentity identity)
    {
        Address = address;
        Disk = disk;
        Identity = identity;
        Traits = disk.Traits;
        Serial = Encoding.ASCII.GetBytes(identity.Serial);
        Reservations = new ReservationTable(this);
        _medium = new Medium(disk, identity.Kind);
    }

    internal ScsiAddress Address { get; }

    internal IDisk Disk { get; }

    internal ScsiIdentity Identity { get; }

    internal ScsiUnitKind Kind => Identity.Kind;

    internal DiskTraits Traits { get; }

    /// <summary>The serial number as INQUIRY gives it.</summary>
    internal byte[] Serial { get; }

    internal ReservationTable Reservations { get; }

    /// <summary>The medium now; null while the tray of a drive is open.</summary>
    internal Medium? Medium => _medium;

    /// <summary>Whether the unit was taken away; commands that find this true must see no unit.</summary>
    internal bool Removed => _removed;

    /// <summary>Writes are refused.</summary>
    internal bool ReadOnly => Kind == ScsiUnitKind.Dvd || Traits.ReadOnly;

    /// <summary>UNMAP and WRITE SAME with UNMAP free space.</summary>
    internal bool Thin => Kind == ScsiUnitKind.Disk && Traits.DiscardGranularityBytes > 0 && !Traits.ReadOnly;

    /// <summary>Whether an initiator forbade the removal of the medium.</summary>
    internal bool RemovalPrevented
    {
        get
        {
            lock (_lock) return _preventing.Count > 0;
        }
    }

    /// <summary>The state of an initiator, made when it is new.</summary>
    internal Nexus NexusOf(ulong initiator)
    {
        lock (_lock)
        {
            foreach (Nexus nexus in _nexuses)
            {
                if (nexus.Initiator == initiator) return nexus;
            }

            if (_nexuses.Count == MaximumNexuses) return _overflow;
            var added = new Nexus(initiator);
            _nexuses.Add(added);
            return added;
        }
    }

    /// <summary>Has every initiator but <paramref name="except"/> told of <paramref name="attention"/> once.</summary>
    internal void RaiseAll(UnitAttention attention, ulong? except = null)
    {
        lock (_lock)
        {
            foreach (Nexus nexus in _nexuses)
            {
                if (nexus.Initiator != except) nexus.Raise(attention);
            }

            _overflow.Raise(attention);
        }
    }

    /// <summary>Has one initiator told.</summary>
    internal void Raise(UnitAttention attention, ulong initiator) => NexusOf(initiator).Raise(attention);

    /// <summary>Takes over the disk's size. True when it changed; initiators are told then.</summary>
    internal bool RefreshGeometry()
    {
        lock (_lock)
        {
            if (_removed || _medium is not { } medium) return false;
            Disk.RefreshGeometry();
            if (Disk.Geometry == medium.Geometry) return false;
            _medium = new Medium(Disk, Kind);
        }

        RaiseAll(Kind == ScsiUnitKind.Dvd ? UnitAttention.MediumChanged : UnitAttention.CapacityChanged);
        return true;
    }

    /// <summary>Remembers whether an initiator forbids removal of the medium.</summary>
    internal void PreventRemoval(ulong initiator, bool prevent)
    {
        lock (_lock)
        {
            if (!prevent) _preventing.Remove(initiator);
            else if (_preventing.Count < MaximumNexuses) _preventing.Add(initiator);
        }
    }

    /// <summary>Opens the tray; the medium stays in it.</summary>
    internal void Eject()
    {
        lock (_lock)
        {
            if (_medium is null) return;
            _medium = null;
            Interlocked.Exchange(ref _mediumEvent, (int)MediumEvent.Removed);
        }
    }

    /// <summary>Closes the tray.</summary>
    internal void Load(ulong initiator)
    {
        lock (_lock)
        {
            if (_medium is not null) return;
            _medium = new Medium(Disk, Kind);
            Interlocked.Exchange(ref _mediumEvent, (int)MediumEvent.New);
        }

        RaiseAll(UnitAttention.MediumChanged, except: initiator);
    }

    /// <summary>What happened to the medium since this was asked last.</summary>
    internal MediumEvent TakeMediumEvent() => (MediumEvent)Interlocked.Exchange(ref _mediumEvent, 0);

    /// <summary>Claims the unit for one COMPARE AND WRITE. False while another one runs.</summary>
    internal bool TryBeginCompareAndWrite() => Interlocked.CompareExchange(ref _compareAndWrite, 1, 0) == 0;

    /// <summary>Lets the next COMPARE AND WRITE begin.</summary>
    internal void EndCompareAndWrite() => Volatile.Write(ref _compareAndWrite, 0);

    /// <summary>A bus reset: what a reset drops is dropped, and initiators are told.</summary>
    internal void Reset()
    {
        lock (_lock) _preventing.Clear();
        Reservations.Reset();
        RaiseAll(UnitAttention.BusReset);
    }

    /// <summary>Counts a channel in.</summary>
    /// <returns>False when the unit is being taken away.</returns>
    internal bool TryAttach()
    {
        lock (_lock)
        {
            if (_removed) return false;
            _openQueues++;
            return true;
        }
    }

    /// <summary>Counts a channel out; after <see cref="Remove"/> the last one ends the removal.</summary>
    internal void Detach()
    {
        Action? drained = null;
        lock (_lock)
        {
            if (--_openQueues == 0 && _removed) (drained, _drained) = (_drained, null);
        }

        drained?.Invoke();
    }

    /// <summary>Takes the unit away; <paramref name="drained"/> is called when no channel uses it any more, perhaps at once.</summary>
    internal void Remove(Action drained)
    {
        lock (_lock)
        {
            _removed = true;
            if (_openQueues > 0)
            {
                _drained = drained;
                return;
            }
        }

        drained();
    }
}

/// <summary>What happened to the medium of a drive, as GET EVENT STATUS NOTIFICATION numbers it.</summary>
internal enum MediumEvent
{
    None = 0,
    New = 2,
    Removed = 3,
}
