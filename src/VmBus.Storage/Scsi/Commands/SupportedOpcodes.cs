using System.Buffers.Binary;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>REPORT SUPPORTED OPERATION CODES: the command table, told to the guest. Source: SPC-4, 6.34.</summary>
internal static class SupportedOpcodes
{
    private const int DescriptorBytes = 8;
    private const int TimeoutBytes = 12;

    internal static void Report(ScsiTask task)
    {
        CommandTable table = CommandTable.Of(task.Unit.Kind);
        bool timeouts = (task.Cdb[2] & 0x80) != 0;
        byte opcode = task.Cdb[3];
        int action = task.Field16(4);
        bool hasActions = table.HasServiceActions(opcode);
        ScsiCommand? named = hasActions ? action < 32 ? table.Find(opcode, action) : null : table.Find(opcode, 0);
        switch (task.Cdb[2] & 0x07)
        {
            case 0:
                ReportAll(task, table, timeouts);
                break;
            case 1 when !hasActions:
                ReportOne(task, named, timeouts);
                break;
            case 2 when hasActions:
                ReportOne(task, named, timeouts);
                break;
            case 3:
                ReportOne(task, hasActions || action == 0 ? named : null, timeouts);
                break;
            default:
                task.Fail(SenseCode.InvalidFieldInCdb);
                break;
        }
    }

    // UNMAP is in the table of every disk, and refused by those that free no space.
    private static bool IsOffered(ScsiTask task, ScsiCommand command) => command.Opcode != ScsiOpcode.Unmap || task.Unit.Thin;

    private static void ReportAll(ScsiTask task, CommandTable table, bool timeouts)
    {
        Span<byte> reply = task.Queue.Reply;
        int end = 4;
        foreach (ScsiCommand command in table.Commands)
        {
            if (!IsOffered(task, command)) continue;
            Span<byte> descriptor = reply.Slice(end, DescriptorBytes);
            descriptor.Clear();
            descriptor[0] = command.Opcode;
            BinaryPrimitives.WriteUInt16BigEndian(descriptor[2..], command.ServiceAction ?? 0);
            descriptor[5] = (byte)((command.ServiceAction is null ? 0 : 1) | (timeouts ? 2 : 0));
            BinaryPrimitives.WriteUInt16BigEndian(descriptor[6..], (ushort)command.CdbBytes);
            end += DescriptorBytes;
            if (timeouts) end += WriteTimeouts(reply[end..]);
        }

        BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)(end - 4));
        task.Reply(reply[..end], task.Field32(6));
    }

    private static void ReportOne(ScsiTask task, ScsiCommand? command, bool timeouts)
    {
        Span<byte> reply = task.Queue.Reply;
        reply[..4].Clear();
        int end = 4;
        if (command is null || !IsOffered(task, command))
        {
            reply[1] = 0x01; // Not supported.
        }
        else
        {
            reply[1] = (byte)(0x03 | (timeouts ? 0x80 : 0));
            BinaryPrimitives.WriteUInt16BigEndian(reply[2..], (ushort)command.CdbBytes);
            command.Usage.CopyTo(reply[4..]);
            end += command.CdbBytes;
            // Usage data names the service action itself, not the bits that hold it.
            if (command.ServiceAction is { } action) reply[5] = (byte)((reply[5] & 0xE0) | action);
            if (timeouts) end += WriteTimeouts(reply[end..]);
        }

        task.Reply(reply[..end], task.Field32(6));
    }

    // Times of 0 say nothing: how long a command takes depends on the host.
    private static int WriteTimeouts(Span<byte> reply)
    {
        reply[..TimeoutBytes].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply, TimeoutBytes - 2);
        return TimeoutBytes;
    }
}
