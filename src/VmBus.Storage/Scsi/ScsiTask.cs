using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi.Commands;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi;

/// <summary>Goes on with a command when a disk operation has ended.</summary>
/// <param name="task">The command.</param>
/// <param name="result">The operation's result, see <see cref="IDiskQueue"/>.</param>
internal delegate void TaskStep(ScsiTask task, int result);

/// <summary>One command while it runs: what it is about, and where it stands. Reused; belongs to the queue's lane.</summary>
/// <remarks>Everything a command needs between two disk operations is here, so that a step is a static method and nothing is allocated.</remarks>
internal sealed class ScsiTask(ScsiTargetQueue queue) : IIoCompletion, ILaneHandler
{
    // Long commands give other channels of the lane a turn after this much.
    private const int BytesPerTurn = 4 << 20;

    private ScsiRequest? _request;
    private UnitQueue? _unitQueue;
    private Nexus? _nexus;
    private Medium? _medium;
    private ScsiCommand? _command;
    private TaskStep? _next;
    private int _turnBytes;

    internal ScsiTargetQueue Queue => queue;

    internal ScsiRequest Request => _request!;

    internal UnitQueue UnitQueue => _unitQueue!;

    internal LogicalUnit Unit => _unitQueue!.Unit;

    internal IDiskQueue Disk => _unitQueue!.Disk;

    internal Nexus Nexus => _nexus!;

    internal ScsiCommand Command => _command!;

    /// <summary>The medium as it was when the command began. Only for commands that need one.</summary>
    internal Medium Medium => _medium!;

    internal ReadOnlySpan<byte> Cdb => _request!.Cdb;

    internal IoVectorList Data => _request!.Data;

    /// <summary>Where on the medium the next operation goes, in bytes.</summary>
    internal long Offset { get; set; }

    /// <summary>What is left to do, in bytes of the medium or in descriptors.</summary>
    internal long Remaining { get; set; }

    /// <summary>Bytes moved between guest and device so far; reported when the command succeeds.</summary>
    internal long Moved { get; set; }

    /// <summary>What the running operation must return.</summary>
    internal int Expected { get; set; }

    /// <summary>A flag of the command at hand: see its handler.</summary>
    internal bool Flag { get; set; }

    /// <summary>Buffers, for commands whose data the host looks at.</summary>
    internal WorkArea? Work { get; set; }

    /// <summary>Called once when the running command has ended, then forgotten.</summary>
    internal Action? Ended { get; set; }

    /// <summary>Whether PREEMPT AND ABORT of these initiators waits for this command. Not for reservation commands: two that preempt each
    /// other would wait for ever.</summary>
    internal bool IsAwaitable(LogicalUnit unit, ulong[] initiators) => _unitQueue is { } running && running.Unit == unit
        && initiators.Contains(_nexus!.Initiator) && _command is not { Opcode: ScsiOpcode.PersistentReserveOut };

    /// <summary>Runs a command from its start.</summary>
    internal void Begin(ScsiRequest request, UnitQueue unitQueue)
    {
        _request = request;
        _unitQueue = unitQueue;
        _turnBytes = 0;
        Moved = 0;
        LogicalUnit unit = unitQueue.Unit;
        _nexus = unitQueue.NexusOf(request.Initiator);
        _medium = unit.Medium;
        ReadOnlySpan<byte> cdb = request.Cdb;
        if (!CommandTable.Of(unit.Kind).TryFind(cdb, out ScsiCommand? command, out SenseCode unknown))
        {
            Fail(unknown);
            return;
        }

        _command = command;
        // NACA asks for auto contingent allegiance, which no transport here has (SAM-5, 5.2).
        if ((cdb[command.CdbBytes - 1] & 0x04) != 0) Fail(SenseCode.InvalidFieldInCdb);
        else if (_nexus.HasAttention && (command.Needs & CommandNeeds.IgnoresAttention) == 0 && _nexus.TryTake(out UnitAttention attention))
            Fail(attention.ToSense());
        else if (!unit.Reservations.Allows(_nexus.Initiator, command.AccessOf(cdb))) EndWith(ScsiStatus.ReservationConflict);
        else if (_medium is null && (command.Needs & CommandNeeds.Medium) != 0) Fail(SenseCode.NoMediumTrayOpen);
        else if (unit.ReadOnly && (command.Needs & CommandNeeds.WritableMedium) != 0) Fail(SenseCode.WriteProtected);
        else command.Handler(this);
    }

    /// <summary>Ends the command well.</summary>
    internal void Good(long transferred = 0)
    {
        Request.Transferred = transferred;
        EndWith(ScsiStatus.Good);
    }

    /// <summary>Ends the command with CHECK CONDITION.</summary>
    internal void Fail(SenseCode sense, uint? information = null)
    {
        sense.Write(Request.Sense, information);
        Request.Transferred = 0;
        EndWith(ScsiStatus.CheckCondition);
    }

    /// <summary>Ends the command because of a disk operation's result: an errno, or fewer bytes than the medium should have.</summary>
    internal void FailDisk(int result, bool writing)
    {
        if (result < 0) Fail(SenseCode.FromErrno(result, writing));
        else Fail(writing ? SenseCode.WriteError : SenseCode.UnrecoveredReadError);
    }

    /// <summary>Ends the command with another status.</summary>
    internal void EndWith(ScsiStatus status)
    {
        ScsiRequest request = Request;
        UnitQueue unitQueue = UnitQueue;
        request.Status = status;
        if (Work is { } work)
        {
            Work = null;
            queue.WorkAreas.Return(work);
        }

        _request = null;
        _unitQueue = null;
        _nexus = null;
        _medium = null;
        _command = null;
        _next = null;
        Action? ended = Ended;
        Ended = null;
        queue.End(this, unitQueue, request);
        ended?.Invoke();
    }

    /// <summary>Whether the guest gave memory to read from, for a command that writes to it. Storing there would change memory that whoever
    /// sent the command may not be allowed to change: a process in the guest, through its kernel's pass-through.</summary>
    internal bool IsMisdirected => Request.Direction == ScsiDirection.Write && Data.Bytes > 0;

    /// <summary>Ends the command well with data, cut at the allocation length and at what the guest has room for.</summary>
    internal void Reply(ReadOnlySpan<byte> data, uint allocationLength)
    {
        if (IsMisdirected) Fail(SenseCode.InvalidFieldInCdb);
        else Good(Data.CopyFrom(data[..(int)Math.Min((uint)data.Length, allocationLength)]));
    }

    /// <summary>Copies the parameter list of the command out of the guest.</summary>
    /// <returns>False when the guest sent less than <paramref name="destination"/> holds.</returns>
    internal bool TryCopyParameters(Span<byte> destination) => Data.CopyTo(destination) == destination.Length;

    /// <summary>Whether an operation has ended already; if not, <paramref name="next"/> gets its result.</summary>
    internal bool IsDone(int result, TaskStep next)
    {
        if (result != IDiskQueue.Pending) return true;
        _next = next;
        return false;
    }

    /// <summary>Whether a long command may go on at once; if not, <paramref name="next"/> is called in a later turn with result 0, or the
    /// task has been ended because the unit was taken away.</summary>
    internal bool MayGoOn(int bytes, TaskStep next)
    {
        _turnBytes += bytes;
        if (_turnBytes <= BytesPerTurn) return true;
        _turnBytes = 0;
        // Whoever takes the unit away waits for its commands; this one could go on for hours.
        if (Unit.Removed)
        {
            Fail(SenseCode.CommandAborted);
            return false;
        }

        _next = next;
        queue.Turns.Schedule(this);
        return false;
    }

    /// <summary>Gets buffers, then calls <paramref name="next"/> with result 0, now or when another command has ended.</summary>
    internal void WithWorkArea(TaskStep next)
    {
        _next = next;
        queue.WorkAreas.Request(this);
    }

    /// <summary>Sets the buffers and goes on.</summary>
    internal void GoOn(WorkArea work)
    {
        Work = work;
        Continue(0);
    }

    void IIoCompletion.Complete(int tag, int result) => Continue(result);

    bool ILaneHandler.Run()
    {
        Continue(0);
        return false;
    }

    private void Continue(int result)
    {
        TaskStep next = _next!;
        _next = null;
        next(this, result);
    }

    /// <summary>A big-endian 16-bit field of the CDB.</summary>
    internal ushort Field16(int offset) => BinaryPrimitives.ReadUInt16BigEndian(Cdb[offset..]);

    /// <summary>A big-endian 32-bit field of the CDB.</summary>
    internal uint Field32(int offset) => BinaryPrimitives.ReadUInt32BigEndian(Cdb[offset..]);

    /// <summary>A big-endian 64-bit field of the CDB.</summary>
    internal ulong Field64(int offset) => BinaryPrimitives.ReadUInt64BigEndian(Cdb[offset..]);
}
