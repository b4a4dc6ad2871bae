using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>What the drive can do and what happened to its tray. Source: MMC-6, 5 and 6.5, 6.6, 6.9, 6.37.</summary>
internal static class DriveFeatures
{
    private const ushort CdProfile = 0x0008;
    private const ushort DvdProfile = 0x0010;

    // A CD of 80 minutes; what is larger must be a DVD.
    private const ulong LargestCdBlocks = 80 * 60 * 75;

    private const int OneFeature = 2;
    private const int CurrentFeatures = 1;
    private const byte MediaClass = 4;

    /// <summary>Whether the medium is reported as a DVD.</summary>
    internal static bool IsDvd(Medium medium) => medium.BlockCount > LargestCdBlocks;

    /// <summary>GET CONFIGURATION.</summary>
    internal static void GetConfiguration(ScsiTask task)
    {
        int request = task.Cdb[1] & 0x03;
        ushort first = task.Field16(2);
        if (request == 3)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Medium? medium = task.Unit.Medium;
        ushort profile = medium is null ? (ushort)0 : IsDvd(medium) ? DvdProfile : CdProfile;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, 256);
        reply.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply[6..], profile);
        int end = 8;
        foreach (ushort feature in Features)
        {
            bool current = IsCurrent(feature, profile);
            bool wanted = request == OneFeature ? feature == first : feature >= first && (request != CurrentFeatures || current);
            if (wanted) end += WriteFeature(reply[end..], feature, current, profile);
        }

        BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)(end - 4));
        task.Reply(reply[..end], task.Field16(7));
    }

    /// <summary>GET EVENT STATUS NOTIFICATION: polled, media events only.</summary>
    internal static void GetEventStatus(ScsiTask task)
    {
        if ((task.Cdb[1] & 0x01) == 0)
        {
            task.Fail(SenseCode.InvalidFieldInCdb);
            return;
        }

        Span<byte> reply = task.Queue.Reply.AsSpan(0, 8);
        reply.Clear();
        reply[3] = 1 << MediaClass;
        uint allocationLength = task.Field16(7);
        if ((task.Cdb[4] & (1 << MediaClass)) == 0)
        {
            reply[1] = 2;
            reply[2] = 0x80; // No event of the classes asked for.
            task.Reply(reply[..4], allocationLength);
            return;
        }

        reply[1] = 6;
        reply[2] = MediaClass;
        // An event that does not fit into the reply is not taken, so that it is told next time.
        reply[4] = (byte)(allocationLength > 4 ? task.Unit.TakeMediumEvent() : MediumEvent.None);
        reply[5] = (byte)(task.Unit.Medium is null ? 0x01 : 0x02);
        task.Reply(reply, allocationLength);
    }

    /// <summary>MECHANISM STATUS: a drive without a changer.</summary>
    internal static void MechanismStatus(ScsiTask task)
    {
        Span<byte> reply = task.Queue.Reply.AsSpan(0, 8);
        reply.Clear();
        reply[1] = (byte)(task.Unit.Medium is null ? 0x10 : 0x00);
        task.Reply(reply, task.Field16(8));
    }

    /// <summary>SET CD SPEED: an image has none.</summary>
    internal static void SetSpeed(ScsiTask task) => task.Good();

    // Profile list, core, morphing, removable medium, random readable, CD read, DVD read.
    private static ReadOnlySpan<ushort> Features => [0x0000, 0x0001, 0x0002, 0x0003, 0x0010, 0x001E, 0x001F];

    private static bool IsCurrent(ushort feature, ushort profile) => feature switch
    {
        0x0010 => profile != 0,
        0x001E => profile == CdProfile,
        0x001F => profile == DvdProfile,
        _ => true,
    };

    private static int WriteFeature(Span<byte> target, ushort feature, bool current, ushort profile)
    {
        BinaryPrimitives.WriteUInt16BigEndian(target, feature);
        int version = feature switch
        {
            0x0001 => 2,
            0x0002 or 0x001F => 1,
            0x001E => 2,
            _ => 0,
        };
        bool persistent = feature <= 0x0003;
        target[2] = (byte)((version << 2) | (persistent ? 2 : 0) | (current ? 1 : 0));
        Span<byte> body = target[4..];
        int length = 4;
        switch (feature)
        {
            case 0x0000:
                BinaryPrimitives.WriteUInt16BigEndian(body, DvdProfile);
                body[2] = (byte)(profile == DvdProfile ? 1 : 0);
                BinaryPrimitives.WriteUInt16BigEndian(body[4..], CdProfile);
                body[6] = (byte)(profile == CdProfile ? 1 : 0);
                length = 8;
                break;
            case 0x0001:
                body[3] = 1; // Physical interface: SCSI.
                body[4] = 1; // Device busy events, which MMC asks for.
                length = 8;
                break;
            case 0x0003:
                body[0] = 0x29; // Tray, can eject, can lock.
                break;
            case 0x0010:
                BinaryPrimitives.WriteUInt32BigEndian(body, 2048);
                BinaryPrimitives.WriteUInt16BigEndian(body[4..], 16);
                length = 8;
                break;
            default:
                break;
        }

        target[3] = (byte)length;
        return length + 4;
    }
}
