using System.Buffers.Binary;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>MODE SENSE (6) and (10): header without block descriptors, then the pages. Source: SPC-4, 6.11 and 6.12.</summary>
internal static class ModeSense
{
    private const byte WriteProtect = 0x80;
    private const byte ForceUnitAccessSupported = 0x10;
    private const int SavedValues = 3;
    private const int ChangeableValues = 1;
    private const byte AllSubpages = 0xFF;

    internal static void Execute(ScsiTask task)
    {
        ReadOnlySpan<byte> cdb = task.Cdb;
        bool small = task.Command.CdbBytes == 6;
        int control = cdb[2] >> 6;
        byte page = (byte)(cdb[2] & 0x3F);
        if (control == SavedValues)
        {
            task.Fail(SenseCode.SavingNotSupported);
            return;
        }

        int header = small ? 4 : 8;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, ModePages.LargestBytes);
        reply[..header].Clear();
        bool subpages = cdb[3] == 0 || (cdb[3] == AllSubpages && page == ModePages.All);
        int pages = subpages ? ModePages.Write(task.Unit, page, control == ChangeableValues, reply[header..]) : 0;
        if (pages == 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        int total = header + pages;
        int forced = task.Unit.Kind == ScsiUnitKind.Disk ? ForceUnitAccessSupported : 0;
        byte device = (byte)(forced | (task.Unit.ReadOnly ? WriteProtect : 0));
        if (small)
        {
            reply[0] = (byte)(total - 1);
            reply[2] = device;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(reply, (ushort)(total - 2));
            reply[3] = device;
        }

        task.Reply(reply[..total], small ? cdb[4] : task.Field16(7));
    }
}
