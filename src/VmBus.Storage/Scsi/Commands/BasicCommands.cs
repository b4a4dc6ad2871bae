using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>Commands of every unit: readiness, sense, LUN inventory, start and stop, removal. Source: SPC-4, 6; SBC-3, 5.25.</summary>
internal static class BasicCommands
{
    /// <summary>TEST UNIT READY: the checks before have answered already.</summary>
    internal static void TestUnitReady(ScsiTask task) => task.Good();

    /// <summary>REQUEST SENSE: the pending unit attention, which is told by this; else why the unit is not ready; else nothing.</summary>
    internal static void RequestSense(ScsiTask task)
    {
        // Sense data of 18 bytes in the descriptor format would be another layout; only the fixed one is offered.
        if ((task.Cdb[1] & 0x01) != 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        SenseCode sense = task.Nexus.TryTake(out UnitAttention attention) ? attention.ToSense()
            : task.Unit.Medium is null ? SenseCode.NoMediumTrayOpen
            : SenseCode.None;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, ScsiRequest.SenseBytes);
        sense.Write(reply);
        task.Reply(reply, task.Cdb[4]);
    }

    /// <summary>REPORT LUNS for a target that has units.</summary>
    internal static void ReportLuns(ScsiTask task)
    {
        SenseCode problem = TryReportLuns(task.Queue, task.Request, out int bytes);
        if (problem != SenseCode.None) task.Fail(problem);
        else task.Good(bytes);
    }

    /// <summary>Answers REPORT LUNS for any path and target: those without a unit have an empty list, which Linux wants to hear.</summary>
    internal static SenseCode TryReportLuns(ScsiTargetQueue queue, ScsiRequest request, out int bytes)
    {
        ReadOnlySpan<byte> cdb = request.Cdb;
        uint allocationLength = BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]);
        bytes = 0;
        // 0 and 2: all units; 1: well-known units, of which there are none.
        if (cdb[2] > 2 || (request.Direction == ScsiDirection.Write && request.Data.Bytes > 0)) return SenseCode.InvalidFieldInCdb;
        Span<byte> reply = queue.Reply;
        int end = 8;
        reply[..end].Clear();
        for (int lun = 0; cdb[2] != 1 && lun <= byte.MaxValue; lun++)
        {
            if (!queue.Target.Units.ContainsKey(request.Address with { Lun = (byte)lun })) continue;
            reply.Slice(end, 8).Clear();
            reply[end + 1] = (byte)lun;
            end += 8;
        }

        BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)(end - 8));
        bytes = request.Data.CopyFrom(reply[..(int)Math.Min((uint)end, allocationLength)]);
        return SenseCode.None;
    }

    /// <summary>START STOP UNIT: a drive opens and closes its tray; everything else is always started.</summary>
    internal static void StartStopUnit(ScsiTask task)
    {
        int flags = task.Cdb[4];
        bool powerCondition = (flags & 0xF0) != 0;
        bool loadOrEject = (flags & 0x02) != 0;
        bool start = (flags & 0x01) != 0;
        if (powerCondition || !loadOrEject)
        {
            task.Good();
        }
        else if (task.Unit.Kind != ScsiUnitKind.Dvd)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
        }
        else if (start)
        {
            task.Unit.Load(task.Nexus.Initiator);
            task.Good();
        }
        else if (task.Unit.RemovalPrevented)
        {
            task.Fail(SenseCode.RemovalPrevented);
        }
        else
        {
            task.Unit.Eject();
            task.Good();
        }
    }

    /// <summary>PREVENT ALLOW MEDIUM REMOVAL.</summary>
    internal static void PreventAllow(ScsiTask task)
    {
        task.Unit.PreventRemoval(task.Nexus.Initiator, (task.Cdb[4] & 0x01) != 0);
        task.Good();
    }
}
