using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>VERIFY and WRITE AND VERIFY: go over the medium in steps of one buffer. Source: SBC-3, 5.29 and 5.40.</summary>
internal static class Verification
{
    private const int ProtectMask = 0xE0;
    private const int ByteCheckMask = 0x06;
    private const int CompareBytes = 0x02;

    private static readonly TaskStep VerifyNext = OnVerifyNext;
    private static readonly TaskStep VerifyRead = OnVerifyRead;
    private static readonly TaskStep WriteNext = OnWriteNext;
    private static readonly TaskStep Written = OnWritten;
    private static readonly TaskStep ReadBack = OnReadBack;

    /// <summary>VERIFY (10), (12), (16): reads the range; with BYTCHK 1 compares it with the guest's bytes.</summary>
    internal static void Verify(ScsiTask task)
    {
        if (!TryBegin(task, out bool compare)) return;
        task.Flag = compare;
        task.WithWorkArea(VerifyNext);
    }

    /// <summary>WRITE AND VERIFY (10), (12), (16): writes through to the medium and reads back; with BYTCHK 1 compares.</summary>
    internal static void WriteAndVerify(ScsiTask task)
    {
        if (!TryBegin(task, out bool compare)) return;
        if (task.Data.Bytes < task.Remaining)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        task.Flag = compare;
        task.WithWorkArea(WriteNext);
    }

    // False when the task has been ended.
    private static bool TryBegin(ScsiTask task, out bool compare)
    {
        Medium medium = task.Medium;
        BlockRange range = BlockRange.Of(task.Cdb);
        int check = task.Cdb[1] & ByteCheckMask;
        compare = check == CompareBytes;
        bool fits = range.Count <= medium.MaximumTransferBlocks && task.Data.Bytes >= range.Bytes(medium);
        if ((task.Cdb[1] & ProtectMask) != 0 || (check != 0 && !compare)) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (!range.IsWithin(medium)) task.Fail(SenseCode.BlockOutOfRange);
        else if (compare && !fits) task.Fail(SenseCode.InvalidFieldInCdb);
        else
        {
            task.Offset = range.Offset(medium);
            task.Remaining = range.Bytes(medium);
            return true;
        }

        return false;
    }

    private static int NextChunk(ScsiTask task) => task.Expected = (int)Math.Min(task.Remaining, task.Medium.StepBytes);

    private static int StartRead(ScsiTask task) =>
        task.Disk.Read(task.Work!.ListOf(task.Work.Media, task.Expected), task.Offset, task, 0);

    private static void OnVerifyNext(ScsiTask task, int result)
    {
        while (task.Remaining > 0)
        {
            if (!task.MayGoOn(NextChunk(task), VerifyNext)) return;
            int read = StartRead(task);
            if (!task.IsDone(read, VerifyRead) || !TryFinishVerify(task, read)) return;
        }

        task.Good(task.Moved);
    }

    private static void OnVerifyRead(ScsiTask task, int result)
    {
        if (TryFinishVerify(task, result)) OnVerifyNext(task, 0);
    }

    // False when the task has been ended.
    private static bool TryFinishVerify(ScsiTask task, int result)
    {
        if (result != task.Expected)
        {
            task.FailDisk(result, writing: false);
            return false;
        }

        if (task.Flag)
        {
            Span<byte> guest = task.Work!.Guest.Data[..result];
            task.Data.CopyTo(guest);
            task.Data.Advance(result);
            if (!TryCompare(task, guest, result)) return false;
        }

        task.Offset += result;
        task.Remaining -= result;
        return true;
    }

    private static void OnWriteNext(ScsiTask task, int result)
    {
        while (task.Remaining > 0)
        {
            if (!task.MayGoOn(NextChunk(task), WriteNext)) return;
            // The guest's bytes are copied: what is written and what is compared must be the same whatever the guest does meanwhile.
            WorkArea work = task.Work!;
            task.Data.CopyTo(work.Guest.Data[..task.Expected]);
            task.Data.Advance(task.Expected);
            int written = task.Disk.Write(work.ListOf(work.Guest, task.Expected), task.Offset, forceUnitAccess: true, task, 0);
            if (!task.IsDone(written, Written) || !TryStartReadBack(task, written, out int read)) return;
            if (!task.IsDone(read, ReadBack) || !TryFinishReadBack(task, read)) return;
        }

        task.Good(task.Moved);
    }

    private static void OnWritten(ScsiTask task, int result)
    {
        if (TryStartReadBack(task, result, out int read) && task.IsDone(read, ReadBack)) OnReadBack(task, read);
    }

    private static void OnReadBack(ScsiTask task, int result)
    {
        if (TryFinishReadBack(task, result)) OnWriteNext(task, 0);
    }

    private static bool TryStartReadBack(ScsiTask task, int written, out int read)
    {
        read = 0;
        if (written == task.Expected)
        {
            read = StartRead(task);
            return true;
        }

        task.FailDisk(written, writing: true);
        return false;
    }

    private static bool TryFinishReadBack(ScsiTask task, int result)
    {
        if (result != task.Expected)
        {
            task.FailDisk(result, writing: false);
            return false;
        }

        if (task.Flag && !TryCompare(task, task.Work!.Guest.Data[..result], result)) return false;
        task.Moved += task.Flag ? 0 : result;
        task.Offset += result;
        task.Remaining -= result;
        return true;
    }

    // INFORMATION is the offset of the first byte that differs, from the start of the data.
    private static bool TryCompare(ScsiTask task, ReadOnlySpan<byte> guest, int bytes)
    {
        int same = guest.CommonPrefixLength(task.Work!.Media.Data[..bytes]);
        if (same < bytes)
        {
            task.Fail(SenseCode.Miscompare, (uint)(task.Moved + same));
            return false;
        }

        task.Moved += bytes;
        return true;
    }
}
