namespace VmBus.Storage.Scsi.Commands;

/// <summary>RESERVE and RELEASE (6) and (10) for the whole unit. Source: SPC-2, 7.16 to 7.22.</summary>
internal static class ReserveRelease
{
    // Third party, long identifier, extents: obsolete in every version since.
    private const int Unsupported = 0x13;

    internal static void Reserve(ScsiTask task)
    {
        if (!TryBegin(task)) return;
        if (task.Unit.Reservations.TryReserve(task.Nexus.Initiator)) task.Good();
        else task.EndWith(ScsiStatus.ReservationConflict);
    }

    internal static void Release(ScsiTask task)
    {
        if (!TryBegin(task)) return;
        if (task.Unit.Reservations.TryRelease(task.Nexus.Initiator)) task.Good();
        else task.EndWith(ScsiStatus.ReservationConflict);
    }

    private static bool TryBegin(ScsiTask task)
    {
        if ((task.Cdb[1] & Unsupported) == 0) return true;
        task.Fail(SenseCode.InvalidFieldInCdb);
        return false;
    }
}
