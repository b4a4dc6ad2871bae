using VmBus.Storage.Scsi.Commands;

namespace VmBus.Storage.Scsi.Reservations;

/// <summary>Types of persistent reservations. Source: SPC-4, table 63.</summary>
internal enum ReservationType : byte
{
    None = 0,
    WriteExclusive = 1,
    ExclusiveAccess = 3,
    WriteExclusiveRegistrants = 5,
    ExclusiveAccessRegistrants = 6,
    WriteExclusiveAllRegistrants = 7,
    ExclusiveAccessAllRegistrants = 8,
}

/// <summary>What the types mean.</summary>
internal static class ReservationTypeExtensions
{
    internal static bool IsDefined(this ReservationType type) => type is ReservationType.WriteExclusive or ReservationType.ExclusiveAccess
        or >= ReservationType.WriteExclusiveRegistrants and <= ReservationType.ExclusiveAccessAllRegistrants;

    /// <summary>Every registrant is a holder.</summary>
    internal static bool IsAllRegistrants(this ReservationType type) =>
        type is ReservationType.WriteExclusiveAllRegistrants or ReservationType.ExclusiveAccessAllRegistrants;

    /// <summary>Registrants have the holder's access.</summary>
    internal static bool AdmitsRegistrants(this ReservationType type) => type >= ReservationType.WriteExclusiveRegistrants;

    /// <summary>Others may read.</summary>
    internal static bool AdmitsReaders(this ReservationType type) => type is ReservationType.WriteExclusive
        or ReservationType.WriteExclusiveRegistrants or ReservationType.WriteExclusiveAllRegistrants;
}

/// <summary>One initiator's registration.</summary>
internal readonly record struct Registration(ulong Initiator, ulong Key);

/// <summary>All reservations of a unit at one moment; immutable, so that the data path needs no lock.</summary>
/// <param name="Generation">Counts the changes that PERSISTENT RESERVE IN must show.</param>
/// <param name="Registrations">Who is registered.</param>
/// <param name="Type">The persistent reservation, if any.</param>
/// <param name="Holder">Who holds it; without meaning when every registrant does.</param>
/// <param name="Reserved">Who holds the unit by RESERVE.</param>
internal sealed record ReservationState(uint Generation, Registration[] Registrations, ReservationType Type, ulong Holder, ulong? Reserved)
{
    internal static ReservationState Empty { get; } = new(0, [], ReservationType.None, 0, null);

    /// <summary>Whether an initiator may run a command.</summary>
    internal bool Allows(ulong initiator, CommandAccess access)
    {
        if (access == CommandAccess.Free) return true;
        if (Reserved is { } reserved && reserved != initiator) return false;
        if (Type == ReservationType.None || access == CommandAccess.Probe || IsHolder(initiator)) return true;
        return (access == CommandAccess.Read && Type.AdmitsReaders()) || (Type.AdmitsRegistrants() && IsRegistered(initiator));
    }

    internal bool IsHolder(ulong initiator) =>
        Type != ReservationType.None && (Type.IsAllRegistrants() ? IsRegistered(initiator) : Holder == initiator);

    internal bool IsRegistered(ulong initiator) => KeyOf(initiator) is not null;

    internal ulong? KeyOf(ulong initiator)
    {
        foreach (Registration registration in Registrations)
        {
            if (registration.Initiator == initiator) return registration.Key;
        }

        return null;
    }
}
