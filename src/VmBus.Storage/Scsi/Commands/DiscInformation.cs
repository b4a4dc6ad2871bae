using System.Buffers.Binary;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>What is on the disc: one finished session with one data track, which is what an ISO image is. Source: MMC-6, 6.</summary>
internal static class DiscInformation
{
    private const byte DataTrack = 0x14; // ADR 1, control 4: data, recorded without interruption.
    private const byte LeadOut = 0xAA;
    private const int FramesPerSecond = 75;
    private const int LeadInFrames = 150;

    /// <summary>READ TOC: formats 0 (tracks) and 1 (sessions).</summary>
    internal static void ReadToc(ScsiTask task)
    {
        ReadOnlySpan<byte> cdb = task.Cdb;
        bool minutes = (cdb[1] & 0x02) != 0;
        // Older drivers put the format into the control byte.
        int format = (cdb[2] & 0x0F) is var given && given != 0 ? given : cdb[9] >> 6;
        byte from = cdb[6];
        Span<byte> reply = task.Queue.Reply.AsSpan(0, 20);
        reply.Clear();
        int end = 4;
        if (format == 0 && from is 0 or 1 or LeadOut)
        {
            if (from != LeadOut) end = AppendTrack(reply, end, 1, 0, minutes);
            end = AppendTrack(reply, end, LeadOut, task.Medium.BlockCount, minutes);
        }
        else if (format == 1)
        {
            end = AppendTrack(reply, end, 1, 0, minutes);
        }
        else
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(reply, (ushort)(end - 2));
        reply[2] = 1;
        reply[3] = 1;
        task.Reply(reply[..end], task.Field16(7));
    }

    /// <summary>READ DISC INFORMATION: a finalized disc. Only the standard data type.</summary>
    internal static void ReadDiscInformation(ScsiTask task)
    {
        if ((task.Cdb[1] & 0x07) != 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Span<byte> reply = task.Queue.Reply.AsSpan(0, 34);
        reply.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply, 32);
        reply[2] = 0x0E;
        reply[3] = 1;
        reply[4] = 1;
        reply[5] = 1;
        reply[6] = 1;
        task.Reply(reply, task.Field16(7));
    }

    /// <summary>READ TRACK INFORMATION of the only track, by address, track or session.</summary>
    internal static void ReadTrackInformation(ScsiTask task)
    {
        uint number = task.Field32(2);
        bool found = (task.Cdb[1] & 0x03) switch
        {
            0 => number < task.Medium.BlockCount,
            1 or 2 => number == 1,
            _ => false,
        };
        if (!found)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Span<byte> reply = task.Queue.Reply.AsSpan(0, 36);
        reply.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply, 34);
        reply[2] = 1;
        reply[3] = 1;
        reply[5] = 0x04;
        reply[6] = 0x01;
        BinaryPrimitives.WriteUInt32BigEndian(reply[24..], (uint)Math.Min(task.Medium.BlockCount, uint.MaxValue));
        task.Reply(reply, task.Field16(7));
    }

    /// <summary>READ DVD STRUCTURE: physical format and copyright, which says there is no protection.</summary>
    internal static void ReadDvdStructure(ScsiTask task)
    {
        if (!DriveFeatures.IsDvd(task.Medium))
        {
            task.Fail(SenseCode.IncompatibleFormat);
            return;
        }

        const int PhysicalFormat = 0;
        const int Copyright = 1;
        int format = task.Cdb[7];
        if (format is not (PhysicalFormat or Copyright) || task.Cdb[6] != 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        int bytes = format == PhysicalFormat ? 2052 : 8;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, bytes);
        reply.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply, (ushort)(bytes - 2));
        if (format == PhysicalFormat)
        {
            const uint FirstSector = 0x03_0000; // Where the data area of every DVD starts.
            reply[4] = 0x01; // DVD-ROM, version 1.
            reply[5] = 0x0F; // 120 mm, no maximum rate given.
            reply[6] = 0x01; // One layer with embossed data.
            BinaryPrimitives.WriteUInt32BigEndian(reply[8..], FirstSector);
            BinaryPrimitives.WriteUInt32BigEndian(reply[12..], (uint)Math.Min(FirstSector + task.Medium.BlockCount - 1, 0xFF_FFFF));
        }

        task.Reply(reply, task.Field16(8));
    }

    /// <summary>SEEK (10): only says whether the block exists.</summary>
    internal static void Seek(ScsiTask task)
    {
        if (task.Field32(2) < task.Medium.BlockCount) task.Good();
        else task.Fail(SenseCode.BlockOutOfRange);
    }

    private static int AppendTrack(Span<byte> reply, int end, byte track, ulong block, bool minutes)
    {
        reply[end + 1] = DataTrack;
        reply[end + 2] = track;
        if (minutes)
        {
            ulong frames = block + LeadInFrames;
            reply[end + 5] = (byte)Math.Min(frames / (60 * FramesPerSecond), byte.MaxValue);
            reply[end + 6] = (byte)(frames / FramesPerSecond % 60);
            reply[end + 7] = (byte)(frames % FramesPerSecond);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(reply[(end + 4)..], (uint)Math.Min(block, uint.MaxValue));
        }

        return end + 8;
    }
}
