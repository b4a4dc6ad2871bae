using System.Buffers.Binary;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>MODE SELECT (6) and (10): accepts pages as they are and refuses every change with 5/26. Source: SPC-4, 6.9 and 6.10.</summary>
internal static class ModeSelect
{
    private const int PageFormat = 0x10;
    private const int SavePages = 0x01;
    private const int LargestList = 512;

    internal static void Execute(ScsiTask task)
    {
        ReadOnlySpan<byte> cdb = task.Cdb;
        bool small = task.Command.CdbBytes == 6;
        int length = small ? cdb[4] : task.Field16(7);
        if ((cdb[1] & SavePages) != 0 || (length > 0 && (cdb[1] & PageFormat) == 0))
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Span<byte> list = stackalloc byte[LargestList];
        if (length > LargestList || !task.TryCopyParameters(list[..length]))
        {
            task.Fail(SenseCode.ParameterListLength);
            return;
        }

        SenseCode problem = length == 0 ? SenseCode.None : Check(task, list[..length], small ? 4 : 8);
        if (problem != SenseCode.None) task.Fail(problem);
        else task.Good(length);
    }

    private static SenseCode Check(ScsiTask task, ReadOnlySpan<byte> list, int header)
    {
        if (list.Length < header) return SenseCode.ParameterListLength;
        int descriptors = header == 4 ? list[3] : BinaryPrimitives.ReadUInt16BigEndian(list[6..]);
        if (descriptors != 0) return SenseCode.InvalidFieldInParameterList;
        Span<byte> current = stackalloc byte[ModePages.LargestBytes];
        for (ReadOnlySpan<byte> rest = list[header..]; rest.Length > 0;)
        {
            if (rest.Length < 2 || rest[1] > rest.Length - 2) return SenseCode.ParameterListLength;
            int bytes = rest[1] + 2;
            byte page = (byte)(rest[0] & 0x3F);
            bool known = (rest[0] & 0x40) == 0 && page != ModePages.All
                && ModePages.Write(task.Unit, page, changeable: false, current) == bytes;
            if (!known || !rest[1..bytes].SequenceEqual(current[1..bytes])) return SenseCode.InvalidFieldInParameterList;
            rest = rest[bytes..];
        }

        return SenseCode.None;
    }
}
