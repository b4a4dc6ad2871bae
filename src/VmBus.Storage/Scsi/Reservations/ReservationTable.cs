using VmBus.Storage.Scsi.Commands;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Reservations;

/// <summary>The reservations of one unit and the commands that change them.</summary>
/// <remarks>
/// Any thread: changes are made under a lock, readers take the snapshot. Lost with the partition: persistence through power loss is
/// neither offered nor accepted. Source: SPC-4, 5.13 and 6.16; SPC-2, 5.5.
/// </remarks>
internal sealed class ReservationTable(LogicalUnit unit)
{
    // Far more than the nodes of a cluster, and few enough to answer READ FULL STATUS from one buffer.
    private const int MaximumRegistrations = 64;

    private readonly Lock _lock = new();
    private volatile ReservationState _state = ReservationState.Empty;

    /// <summary>The reservations now.</summary>
    internal ReservationState State => _state;

    /// <summary>Whether an initiator may run a command.</summary>
    internal bool Allows(ulong initiator, CommandAccess access)
    {
        ReservationState state = _state;
        return ReferenceEquals(state, ReservationState.Empty) || state.Allows(initiator, access);
    }

    /// <summary>RESERVE. False for a conflict: another holder, or persistent registrations, with which it does not mix.</summary>
    internal bool TryReserve(ulong initiator)
    {
        lock (_lock)
        {
            if (_state.Registrations.Length > 0 || (_state.Reserved is { } holder && holder != initiator)) return false;
            _state = _state with { Reserved = initiator };
            return true;
        }
    }

    /// <summary>RELEASE. Releasing what another one holds does nothing. False for a conflict.</summary>
    internal bool TryRelease(ulong initiator)
    {
        lock (_lock)
        {
            if (_state.Registrations.Length > 0) return false;
            if (_state.Reserved == initiator) _state = _state with { Reserved = null };
            return true;
        }
    }

    /// <summary>A reset: RESERVE ends, persistent reservations stay.</summary>
    internal void Reset()
    {
        lock (_lock) _state = _state with { Reserved = null };
    }

    /// <summary>REGISTER and REGISTER AND IGNORE EXISTING KEY.</summary>
    internal ReservationResult Register(ulong initiator, ulong key, ulong newKey, bool ignoreExisting)
    {
        lock (_lock)
        {
            ReservationState state = _state;
            ulong? existing = state.KeyOf(initiator);
            if (!ignoreExisting && key != (existing ?? 0)) return ReservationResult.Conflict;
            if (newKey == 0)
            {
                if (existing is not null) Unregister(initiator);
                return ReservationResult.Good;
            }

            if (existing is null && state.Registrations.Length == MaximumRegistrations) return ReservationResult.NoResources;
            var registration = new Registration(initiator, newKey);
            _state = state with
            {
                Generation = state.Generation + 1,
                Registrations = existing is null
                    ? [.. state.Registrations, registration]
                    : Array.ConvertAll(state.Registrations, r => r.Initiator == initiator ? registration : r),
            };
            return ReservationResult.Good;
        }
    }

    /// <summary>RESERVE of PERSISTENT RESERVE OUT.</summary>
    internal ReservationResult Reserve(ulong initiator, ulong key, ReservationType type)
    {
        lock (_lock)
        {
            ReservationState state = _state;
            if (state.KeyOf(initiator) != key) return ReservationResult.Conflict;
            if (state.Type == ReservationType.None) _state = state with { Type = type, Holder = initiator };
            else if (!state.IsHolder(initiator) || state.Type != type) return ReservationResult.Conflict;
            return ReservationResult.Good;
        }
    }

    /// <summary>RELEASE of PERSISTENT RESERVE OUT.</summary>
    internal ReservationResult Release(ulong initiator, ulong key, ReservationType type)
    {
        lock (_lock)
        {
            ReservationState state = _state;
            if (state.KeyOf(initiator) != key) return ReservationResult.Conflict;
            if (!state.IsHolder(initiator)) return ReservationResult.Good;
            if (state.Type != type) return ReservationResult.InvalidRelease;
            EndReservation(initiator);
            return ReservationResult.Good;
        }
    }

    /// <summary>CLEAR.</summary>
    internal ReservationResult Clear(ulong initiator, ulong key)
    {
        lock (_lock)
        {
            ReservationState state = _state;
            if (state.KeyOf(initiator) != key) return ReservationResult.Conflict;
            _state = state with { Generation = state.Generation + 1, Registrations = [], Type = ReservationType.None, Holder = 0 };
            RaiseOthers(state.Registrations, initiator, UnitAttention.ReservationsPreempted);
            return ReservationResult.Good;
        }
    }

    /// <summary>PREEMPT, and PREEMPT AND ABORT apart from waiting for the commands of <paramref name="preempted"/>.</summary>
    internal ReservationResult Preempt(ulong initiator, ulong key, ulong victimKey, ReservationType type, out ulong[] preempted)
    {
        preempted = [];
        lock (_lock)
        {
            ReservationState state = _state;
            if (state.KeyOf(initiator) != key) return ReservationResult.Conflict;
            bool all = state.Type.IsAllRegistrants();
            bool takesOver = state.Type != ReservationType.None && (all ? victimKey == 0 : state.KeyOf(state.Holder) == victimKey);
            if (victimKey == 0 && !takesOver) return ReservationResult.InvalidParameter;
            Registration[] victims = Array.FindAll(
                state.Registrations, r => r.Initiator != initiator && ((all && victimKey == 0) || r.Key == victimKey));
            bool namesItself = !all && victimKey == key;
            if (victims.Length == 0 && !takesOver && !namesItself) return ReservationResult.Conflict;
            // One's own key without a reservation to take over removes one's own registration too.
            bool leaves = namesItself && !takesOver;
            Registration[] left = Array.FindAll(state.Registrations, r => !victims.Contains(r) && !(leaves && r.Initiator == initiator));
            preempted = Array.ConvertAll(victims, r => r.Initiator);
            _state = state with
            {
                Generation = state.Generation + 1,
                Registrations = left,
                Type = takesOver ? type : state.Type,
                Holder = takesOver ? initiator : state.Holder,
            };
            RaiseOthers(victims, initiator, UnitAttention.RegistrationsPreempted);
            if (takesOver && state.Type != type) RaiseOthers(left, initiator, UnitAttention.ReservationsReleased);
            if (all && left.Length == 0) _state = _state with { Type = ReservationType.None, Holder = 0 };
            return ReservationResult.Good;
        }
    }

    private void Unregister(ulong initiator)
    {
        ReservationState state = _state;
        Registration[] left = Array.FindAll(state.Registrations, r => r.Initiator != initiator);
        bool ends = state.IsHolder(initiator) && (!state.Type.IsAllRegistrants() || left.Length == 0);
        _state = state with { Generation = state.Generation + 1, Registrations = left };
        if (ends) EndReservation(initiator);
    }

    // Registrants who had access through the reservation are told that it is gone.
    private void EndReservation(ulong initiator)
    {
        ReservationState state = _state;
        _state = state with { Type = ReservationType.None, Holder = 0 };
        if (state.Type.AdmitsRegistrants()) RaiseOthers(state.Registrations, initiator, UnitAttention.ReservationsReleased);
    }

    private void RaiseOthers(Registration[] registrations, ulong initiator, UnitAttention attention)
    {
        foreach (Registration registration in registrations)
        {
            if (registration.Initiator != initiator) unit.Raise(attention, registration.Initiator);
        }
    }
}

/// <summary>How a change of reservations ended.</summary>
internal enum ReservationResult
{
    Good,
    Conflict,
    NoResources,
    InvalidRelease,
    InvalidParameter,
}
