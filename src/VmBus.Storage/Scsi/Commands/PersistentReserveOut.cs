using System.Buffers.Binary;
using VmBus.Storage.Scsi.Reservations;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>PERSISTENT RESERVE OUT. Source: SPC-4, 6.16.</summary>
internal static class PersistentReserveOut
{
    private const int ParameterBytes = 24;
    private const int Register = 0;
    private const int Reserve = 1;
    private const int Release = 2;
    private const int Clear = 3;
    private const int Preempt = 4;
    private const int PreemptAndAbort = 5;
    private const int RegisterAndIgnore = 6;

    // SPEC_I_PT, ALL_TG_PT, APTPL: none is offered by REPORT CAPABILITIES. Keeping reservations over a power loss would be a promise that
    // nothing here keeps, so it is refused, not ignored.
    private const int UnsupportedFlags = 0x0D;

    internal static void Execute(ScsiTask task)
    {
        int action = task.Cdb[1] & 0x1F;
        bool typed = action is Reserve or Release or Preempt or PreemptAndAbort;
        var type = (ReservationType)(task.Cdb[2] & 0x0F);
        if (typed && (task.Cdb[2] >> 4 != 0 || !type.IsDefined()))
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Span<byte> parameters = stackalloc byte[ParameterBytes];
        if (task.Field32(5) != ParameterBytes || !task.TryCopyParameters(parameters))
        {
            task.Fail(SenseCode.ParameterListLength);
            return;
        }

        if ((parameters[20] & UnsupportedFlags) != 0)
        {
            task.Fail(SenseCode.InvalidFieldInParameterList);
            return;
        }

        ReservationResult result = Change(task, action, type, parameters, out ulong[] preempted);
        if (result == ReservationResult.Good && action == PreemptAndAbort && preempted.Length > 0) AwaitPreempted(task, preempted);
        else Finish(task, result);
    }

    // I/O that the kernel has cannot be aborted, so the command ends when what was running has ended: then nothing of the preempted
    // initiator reaches the medium any more, which is what fencing asks for.
    private static void AwaitPreempted(ScsiTask task, ulong[] preempted) =>
        task.Queue.Target.AwaitCommands(task.Unit, preempted, () => task.Queue.Turns.Post(() => task.Good(ParameterBytes)));

    private static ReservationResult Change(
        ScsiTask task, int action, ReservationType type, ReadOnlySpan<byte> parameters, out ulong[] preempted)
    {
        preempted = [];
        ulong initiator = task.Nexus.Initiator;
        ulong key = BinaryPrimitives.ReadUInt64BigEndian(parameters);
        ulong actionKey = BinaryPrimitives.ReadUInt64BigEndian(parameters[8..]);
        ReservationTable table = task.Unit.Reservations;
        return action switch
        {
            Register => table.Register(initiator, key, actionKey, ignoreExisting: false),
            RegisterAndIgnore => table.Register(initiator, key, actionKey, ignoreExisting: true),
            Reserve => table.Reserve(initiator, key, type),
            Release => table.Release(initiator, key, type),
            Clear => table.Clear(initiator, key),
            _ => table.Preempt(initiator, key, actionKey, type, out preempted),
        };
    }

    private static void Finish(ScsiTask task, ReservationResult result)
    {
        switch (result)
        {
            case ReservationResult.Good:
                task.Good(ParameterBytes);
                break;
            case ReservationResult.Conflict:
                task.EndWith(ScsiStatus.ReservationConflict);
                break;
            case ReservationResult.NoResources:
                task.Fail(SenseCode.NoRegistrationResources);
                break;
            case ReservationResult.InvalidRelease:
                task.Fail(SenseCode.InvalidRelease);
                break;
            case ReservationResult.InvalidParameter:
                task.Fail(SenseCode.InvalidFieldInParameterList);
                break;
        }
    }
}
