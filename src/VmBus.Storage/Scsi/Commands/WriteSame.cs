using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>WRITE SAME (10) and (16): one block over a range; zeroes by freeing space where that is asked for.</summary>
/// <remarks>Source: SBC-3, 5.43 and 5.44.</remarks>
internal static class WriteSame
{
    private const int ProtectMask = 0xE0;
    private const int Anchor = 0x10;
    private const int UnmapBit = 0x08;
    private const int NoDataOut = 0x01;
    private const int Obsolete = 0x06;

    private static readonly TaskStep Start = OnStart;
    private static readonly TaskStep WriteNext = OnWriteNext;
    private static readonly TaskStep Written = OnWritten;
    private static readonly TaskStep ZeroesWritten = OnZeroesWritten;

    internal static void Execute(ScsiTask task)
    {
        Medium medium = task.Medium;
        int flags = task.Cdb[1];
        BlockRange range = BlockRange.Of(task.Cdb);
        bool unmap = (flags & UnmapBit) != 0;
        bool withoutData = task.Command.CdbBytes == 16 && (flags & NoDataOut) != 0;
        int unsupported = ProtectMask | Anchor | Obsolete | (task.Command.CdbBytes == 16 ? 0 : NoDataOut);
        if ((flags & unsupported) != 0 || (unmap && !task.Unit.Thin)) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (!range.IsWithin(medium)) task.Fail(SenseCode.BlockOutOfRange);
        else if (range.Count is 0 or > Inquiry.MaximumWriteSameBlocks) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (!withoutData && task.Data.Bytes != medium.BlockBytes) task.Fail(SenseCode.InvalidFieldInCdb);
        else
        {
            task.Offset = range.Offset(medium);
            task.Remaining = range.Bytes(medium);
            task.Flag = unmap;
            if (withoutData) WriteZeroes(task);
            else task.WithWorkArea(Start);
        }
    }

    private static void WriteZeroes(ScsiTask task)
    {
        int result = task.Disk.WriteZeroes(task.Offset, task.Remaining, task.Flag, task, 0);
        if (task.IsDone(result, ZeroesWritten)) OnZeroesWritten(task, result);
    }

    private static void OnStart(ScsiTask task, int result)
    {
        int block = task.Medium.BlockBytes;
        Span<byte> buffer = task.Work!.Guest.Data;
        task.Data.CopyTo(buffer[..block]);
        task.Moved = block;
        if (!buffer[..block].ContainsAnyExcept((byte)0))
        {
            WriteZeroes(task);
            return;
        }

        // Only zeroes can be had by freeing space, so other data is written even with the UNMAP bit.
        int fill = (int)Math.Min(task.Remaining, task.Medium.StepBytes);
        for (int done = block; done < fill; done += block) buffer[..block].CopyTo(buffer[done..]);
        OnWriteNext(task, 0);
    }

    private static void OnWriteNext(ScsiTask task, int result)
    {
        while (task.Remaining > 0)
        {
            task.Expected = (int)Math.Min(task.Remaining, task.Medium.StepBytes);
            if (!task.MayGoOn(task.Expected, WriteNext)) return;
            WorkArea work = task.Work!;
            int written = task.Disk.Write(work.ListOf(work.Guest, task.Expected), task.Offset, forceUnitAccess: false, task, 0);
            if (!task.IsDone(written, Written) || !TryAdvance(task, written)) return;
        }

        task.Good(task.Moved);
    }

    private static void OnWritten(ScsiTask task, int result)
    {
        if (TryAdvance(task, result)) OnWriteNext(task, 0);
    }

    private static bool TryAdvance(ScsiTask task, int result)
    {
        if (result != task.Expected)
        {
            task.FailDisk(result, writing: true);
            return false;
        }

        task.Offset += result;
        task.Remaining -= result;
        return true;
    }

    private static void OnZeroesWritten(ScsiTask task, int result)
    {
        if (result >= 0) task.Good(task.Moved);
        else task.FailDisk(result, writing: true);
    }
}
