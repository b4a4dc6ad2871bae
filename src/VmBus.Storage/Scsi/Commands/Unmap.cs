using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>UNMAP: all descriptors are checked before the first one is carried out. Source: SBC-3, 5.28.</summary>
internal static class Unmap
{
    private const int Anchor = 0x01;
    private const int HeaderBytes = 8;
    private const int DescriptorBytes = 16;

    private static readonly TaskStep Start = OnStart;
    private static readonly TaskStep Discarded = OnDiscarded;

    internal static void Execute(ScsiTask task)
    {
        int length = task.Field16(7);
        if (!task.Unit.Thin) task.Fail(SenseCode.InvalidOpcode);
        else if ((task.Cdb[1] & Anchor) != 0) task.Fail(SenseCode.InvalidFieldInCdb);
        else if (length == 0) task.Good();
        else if (length < HeaderBytes) task.Fail(SenseCode.ParameterListLength);
        else task.WithWorkArea(Start);
    }

    private static void OnStart(ScsiTask task, int result)
    {
        SenseCode problem = ReadRanges(task, out int ranges);
        if (problem != SenseCode.None)
        {
            task.Fail(problem);
            return;
        }

        task.Remaining = ranges;
        task.Expected = 0;
        DiscardNext(task);
    }

    // Takes the descriptors over as byte ranges; empty ones are dropped. One that goes on where the last ended joins it: pieces below the
    // granularity of the medium free nothing by themselves, and each costs a system call.
    private static SenseCode ReadRanges(ScsiTask task, out int ranges)
    {
        ranges = 0;
        int length = task.Field16(7);
        Span<byte> list = task.Work!.Guest.Data[..length];
        if (!task.TryCopyParameters(list)) return SenseCode.ParameterListLength;
        int described = BinaryPrimitives.ReadUInt16BigEndian(list[2..]);
        if (described > length - HeaderBytes) return SenseCode.ParameterListLength;
        int count = described / DescriptorBytes;
        if (count > WorkArea.MaximumRanges) return SenseCode.InvalidFieldInParameterList;
        Medium medium = task.Medium;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> descriptor = list[(HeaderBytes + (i * DescriptorBytes))..];
            ulong first = BinaryPrimitives.ReadUInt64BigEndian(descriptor);
            var range = new BlockRange(first, BinaryPrimitives.ReadUInt32BigEndian(descriptor[8..]));
            if (!range.IsWithin(medium)) return SenseCode.BlockOutOfRange;
            if (range.Count > 0) Append(task.Work.Ranges, ref ranges, range.Offset(medium), range.Bytes(medium));
        }

        task.Moved = length;
        return SenseCode.None;
    }

    private static void Append((long Offset, long Bytes)[] list, ref int count, long offset, long bytes)
    {
        if (count > 0 && list[count - 1].Offset + list[count - 1].Bytes == offset) list[count - 1].Bytes += bytes;
        else list[count++] = (offset, bytes);
    }

    private static void DiscardNext(ScsiTask task)
    {
        // Expected counts the ranges that are done.
        while (task.Expected < task.Remaining)
        {
            (long offset, long bytes) = task.Work!.Ranges[task.Expected++];
            int result = task.Disk.Discard(offset, bytes, task, 0);
            if (!task.IsDone(result, Discarded)) return;
            if (result >= 0) continue;
            task.FailDisk(result, writing: true);
            return;
        }

        task.Good(task.Moved);
    }

    private static void OnDiscarded(ScsiTask task, int result)
    {
        if (result < 0) task.FailDisk(result, writing: true);
        else DiscardNext(task);
    }
}
