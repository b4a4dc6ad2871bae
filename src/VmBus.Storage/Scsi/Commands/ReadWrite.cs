using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>The data path: READ, WRITE, SYNCHRONIZE CACHE, PRE-FETCH. Allocates nothing, takes no lock. Source: SBC-3, 5.</summary>
internal static class ReadWrite
{
    private const int ForceUnitAccess = 0x08;
    private const int ProtectMask = 0xE0;

    private static readonly TaskStep ReadDone = OnReadDone;
    private static readonly TaskStep WriteDone = OnWriteDone;
    private static readonly TaskStep FlushedBeforeRead = OnFlushedBeforeRead;
    private static readonly TaskStep FlushDone = OnFlushDone;

    /// <summary>READ (6), (10), (12), (16).</summary>
    internal static void Read(ScsiTask task)
    {
        if (!TryBegin(task, out long bytes)) return;
        if (task.IsMisdirected)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        // A guest that gave less memory than the command moves gets what fits, in whole blocks.
        bytes = Math.Min(bytes, task.Data.Bytes) >> task.Medium.BlockShift << task.Medium.BlockShift;
        if (bytes == 0)
        {
            task.Good();
            return;
        }

        task.Data.Truncate(bytes);
        task.Expected = (int)bytes;
        if (IsForced(task) && task.Unit.Traits.WriteCache)
        {
            // Forced reads come from the medium, so what the cache holds of it goes there first.
            int flushed = task.Disk.Flush(task, 0);
            if (task.IsDone(flushed, FlushedBeforeRead)) OnFlushedBeforeRead(task, flushed);
            return;
        }

        StartRead(task);
    }

    /// <summary>WRITE (6), (10), (12), (16).</summary>
    internal static void Write(ScsiTask task)
    {
        if (!TryBegin(task, out long bytes)) return;
        if (task.Data.Bytes < bytes)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        if (bytes == 0)
        {
            task.Good();
            return;
        }

        task.Data.Truncate(bytes);
        task.Expected = (int)bytes;
        int result = task.Disk.Write(task.Data, task.Offset, IsForced(task), task, 0);
        if (task.IsDone(result, WriteDone)) OnWriteDone(task, result);
    }

    /// <summary>SYNCHRONIZE CACHE (10), (16): everything that was written is durable, whatever range is named. Ends only then, IMMED or not,
    /// because a guest that trusts IMMED would lose data with the host.</summary>
    internal static void SynchronizeCache(ScsiTask task)
    {
        if (!BlockRange.Of(task.Cdb).IsWithin(task.Medium))
        {
            task.Fail(SenseCode.BlockOutOfRange);
            return;
        }

        int result = task.Disk.Flush(task, 0);
        if (task.IsDone(result, FlushDone)) OnFlushDone(task, result);
    }

    /// <summary>PRE-FETCH (10), (16): the range is checked; the host's own read-ahead does better than a hint.</summary>
    internal static void Prefetch(ScsiTask task)
    {
        if (BlockRange.Of(task.Cdb).IsWithin(task.Medium)) task.Good();
        else task.Fail(SenseCode.BlockOutOfRange);
    }

    /// <summary>Checks protection fields, range and length of a transfer and sets <see cref="ScsiTask.Offset"/>.</summary>
    /// <returns>False when the task has been ended.</returns>
    internal static bool TryBegin(ScsiTask task, out long bytes)
    {
        Medium medium = task.Medium;
        BlockRange range = BlockRange.Of(task.Cdb);
        bytes = range.Bytes(medium);
        if (task.Command.CdbBytes > 6 && (task.Cdb[1] & ProtectMask) != 0) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (!range.IsWithin(medium)) task.Fail(SenseCode.BlockOutOfRange);
        else if (range.Count > medium.MaximumTransferBlocks) task.Fail(SenseCode.InvalidFieldInCdb);
        else
        {
            task.Offset = range.Offset(medium);
            return true;
        }

        return false;
    }

    private static bool IsForced(ScsiTask task) => task.Command.CdbBytes > 6 && (task.Cdb[1] & ForceUnitAccess) != 0;

    private static void StartRead(ScsiTask task)
    {
        int result = task.Disk.Read(task.Data, task.Offset, task, 0);
        if (task.IsDone(result, ReadDone)) OnReadDone(task, result);
    }

    private static void OnFlushedBeforeRead(ScsiTask task, int result)
    {
        if (result < 0) task.FailDisk(result, writing: true);
        else StartRead(task);
    }

    private static void OnReadDone(ScsiTask task, int result)
    {
        if (result == task.Expected) task.Good(result);
        else task.FailDisk(result, writing: false);
    }

    private static void OnWriteDone(ScsiTask task, int result)
    {
        if (result == task.Expected) task.Good(result);
        else task.FailDisk(result, writing: true);
    }

    private static void OnFlushDone(ScsiTask task, int result)
    {
        if (result >= 0) task.Good();
        else task.FailDisk(result, writing: true);
    }
}
