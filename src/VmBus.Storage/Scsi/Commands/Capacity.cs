using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>READ CAPACITY and GET LBA STATUS. Source: SBC-3, 5.10, 5.15 and 5.16.</summary>
internal static class Capacity
{
    /// <summary>READ CAPACITY (10). A medium too large for it saturates, which sends guests to the long form.</summary>
    internal static void Read10(ScsiTask task)
    {
        // PMI is obsolete; without it the address must be 0.
        if ((task.Cdb[8] & 0x01) == 0 && task.Field32(2) != 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Medium medium = task.Medium;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, 8);
        BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)Math.Min(LastBlock(medium), uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(reply[4..], (uint)medium.BlockBytes);
        task.Reply(reply, uint.MaxValue);
    }

    /// <summary>READ CAPACITY (16).</summary>
    internal static void Read16(ScsiTask task)
    {
        Medium medium = task.Medium;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, 32);
        reply.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(reply, LastBlock(medium));
        BinaryPrimitives.WriteUInt32BigEndian(reply[8..], (uint)medium.BlockBytes);
        reply[13] = (byte)Math.Min(medium.PhysicalExponent, 15);
        reply[14] = (byte)(task.Unit.Thin ? 0x80 : 0x00);
        task.Reply(reply, task.Field32(10));
    }

    /// <summary>GET LBA STATUS: one extent to the end of the medium, "mapped or unknown": disks are not asked where they have holes.</summary>
    internal static void GetLbaStatus(ScsiTask task)
    {
        Medium medium = task.Medium;
        ulong first = task.Field64(2);
        if (first >= medium.BlockCount)
        {
            task.Fail(SenseCode.BlockOutOfRange);
            return;
        }

        Span<byte> reply = task.Queue.Reply.AsSpan(0, 24);
        reply.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(reply, 20);
        BinaryPrimitives.WriteUInt64BigEndian(reply[8..], first);
        BinaryPrimitives.WriteUInt32BigEndian(reply[16..], (uint)Math.Min(medium.BlockCount - first, uint.MaxValue));
        task.Reply(reply, task.Field32(10));
    }

    // An empty medium has no last block; block 0 is the least wrong answer the field allows.
    private static ulong LastBlock(Medium medium) => medium.BlockCount == 0 ? 0 : medium.BlockCount - 1;
}
