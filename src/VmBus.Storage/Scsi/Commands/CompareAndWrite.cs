using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>COMPARE AND WRITE: writes the second half of the data where the medium holds the first half. Source: SBC-3, 5.3.</summary>
/// <remarks>One at a time per unit, over all channels, which makes it a lock for those that use it as one; a second one is answered
/// BUSY. Other writes are not held back.</remarks>
internal static class CompareAndWrite
{
    private const int ProtectMask = 0xE0;
    private const int ForceUnitAccess = 0x08;

    private static readonly TaskStep Start = OnStart;
    private static readonly TaskStep ReadDone = OnRead;
    private static readonly TaskStep Written = OnWritten;

    internal static void Execute(ScsiTask task)
    {
        Medium medium = task.Medium;
        var range = new BlockRange(task.Field64(2), task.Cdb[13]);
        long bytes = range.Bytes(medium);
        if ((task.Cdb[1] & ProtectMask) != 0) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (!range.IsWithin(medium)) task.Fail(SenseCode.BlockOutOfRange);
        else if (bytes > medium.StepBytes || task.Data.Bytes != 2 * bytes) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (bytes == 0) task.Good();
        else
        {
            task.Offset = range.Offset(medium);
            task.Expected = (int)bytes;
            task.WithWorkArea(Start);
        }
    }

    private static void OnStart(ScsiTask task, int result)
    {
        if (!task.Unit.TryBeginCompareAndWrite())
        {
            task.EndWith(ScsiStatus.Busy);
            return;
        }

        WorkArea work = task.Work!;
        int read = task.Disk.Read(work.ListOf(work.Media, task.Expected), task.Offset, task, 0);
        if (task.IsDone(read, ReadDone)) OnRead(task, read);
    }

    private static void OnRead(ScsiTask task, int result)
    {
        WorkArea work = task.Work!;
        int bytes = task.Expected;
        if (result != bytes)
        {
            task.Unit.EndCompareAndWrite();
            task.FailDisk(result, writing: false);
            return;
        }

        Span<byte> guest = work.Guest.Data[..bytes];
        task.Data.CopyTo(guest);
        int same = guest.CommonPrefixLength(work.Media.Data[..bytes]);
        if (same < bytes)
        {
            task.Unit.EndCompareAndWrite();
            task.Fail(SenseCode.Miscompare, (uint)same);
            return;
        }

        task.Data.Advance(bytes);
        bool force = (task.Cdb[1] & ForceUnitAccess) != 0;
        int written = task.Disk.Write(task.Data, task.Offset, force, task, 0);
        if (task.IsDone(written, Written)) OnWritten(task, written);
    }

    private static void OnWritten(ScsiTask task, int result)
    {
        task.Unit.EndCompareAndWrite();
        if (result == task.Expected) task.Good(2L * result);
        else task.FailDisk(result, writing: true);
    }
}
