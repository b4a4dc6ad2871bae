using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a SCSI host. Source: virtio 1.3, 5.6.3; protocol-spec/virtio.md#scsi.</summary>
[Flags]
public enum VirtioScsiFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_SCSI_F_HOTPLUG: events tell of units that come and go.</summary>
    HotPlug = 1UL << 1,

    /// <summary>VIRTIO_SCSI_F_CHANGE: events tell of units that change.</summary>
    Change = 1UL << 2,
}

/// <summary>What a control request is. Source: virtio 1.3, 5.6.6.2.</summary>
public enum VirtioScsiControl : uint
{
    /// <summary>VIRTIO_SCSI_T_TMF: a task management function.</summary>
    TaskManagement = 0,

    /// <summary>VIRTIO_SCSI_T_AN_QUERY: which notices a unit can give.</summary>
    QueryNotices = 1,

    /// <summary>VIRTIO_SCSI_T_AN_SUBSCRIBE: which notices a unit shall give.</summary>
    SubscribeNotices = 2,
}

/// <summary>Task management functions. Source: virtio 1.3, 5.6.6.2.</summary>
public enum VirtioScsiTask : uint
{
    /// <summary>Ends a command.</summary>
    Abort = 0,

    /// <summary>Ends the initiator's commands of a unit.</summary>
    AbortSet = 1,

    /// <summary>Ends a state that no unit here has.</summary>
    ClearAca = 2,

    /// <summary>Ends all commands of a unit.</summary>
    ClearSet = 3,

    /// <summary>Ends all commands of the initiator and resets.</summary>
    ResetNexus = 4,

    /// <summary>Ends all commands of a unit and resets it.</summary>
    ResetUnit = 5,

    /// <summary>Whether a command is under way.</summary>
    Query = 6,

    /// <summary>Whether any command of a unit is under way.</summary>
    QuerySet = 7,
}

/// <summary>Answers of the host, beside the SCSI status. Source: virtio 1.3, 5.6.6.1 and 5.6.6.2.</summary>
public enum VirtioScsiResponse : byte
{
    /// <summary>Done, or a function is complete.</summary>
    Ok = 0,

    /// <summary>There is no such target.</summary>
    BadTarget = 3,

    /// <summary>The request makes no sense.</summary>
    Failure = 9,

    /// <summary>The command that was asked for is under way.</summary>
    Succeeded = 10,

    /// <summary>There is no such function.</summary>
    Rejected = 11,

    /// <summary>There is no such unit.</summary>
    IncorrectUnit = 12,
}

/// <summary>What an event tells. Source: virtio 1.3, 5.6.6.3.</summary>
public enum VirtioScsiEvent : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>VIRTIO_SCSI_T_TRANSPORT_RESET: a unit came or went.</summary>
    Transport = 1,

    /// <summary>VIRTIO_SCSI_T_PARAM_CHANGE: a unit is another; the reason is an additional sense code with its qualifier.</summary>
    Changed = 3,

    /// <summary>VIRTIO_SCSI_T_EVENTS_MISSED: others were lost before it.</summary>
    Missed = 0x8000_0000,
}

/// <summary>Layout of requests, answers and events, bytes. Source: virtio 1.3, 5.6.6.</summary>
public static class VirtioScsiLayout
{
    /// <summary>Bytes of a logical unit's number.</summary>
    public const int UnitBytes = 8;

    /// <summary>Bytes of a request before its command descriptor block: unit, id u64, attribute u8, priority u8, reference u8.</summary>
    public const int RequestBytes = 19;

    /// <summary>Bytes of an answer before its sense data: sense bytes u32, residual u32, qualifier u16, status u8, response u8.</summary>
    public const int AnswerBytes = 12;

    /// <summary>Bytes of a task management request: type u32, function u32, unit, id u64.</summary>
    public const int TaskBytes = 24;

    /// <summary>Bytes of a request for notices: type u32, unit, wanted u32.</summary>
    public const int NoticeBytes = 16;

    /// <summary>Bytes of its answer: given u32, response u8.</summary>
    public const int NoticeAnswerBytes = 5;

    /// <summary>Bytes of an event: what u32, unit, reason u32.</summary>
    public const int EventBytes = 16;

    /// <summary>VIRTIO_SCSI_EVT_RESET_RESCAN.</summary>
    public const uint UnitCame = 1;

    /// <summary>VIRTIO_SCSI_EVT_RESET_REMOVED.</summary>
    public const uint UnitWent = 2;

    /// <summary>CAPACITY DATA HAS CHANGED: additional sense code 2A, qualifier 09.</summary>
    public const uint CapacityChanged = 0x092A;

    /// <summary>Writes a unit's number as REPORT LUNS has it, in peripheral space: drivers compare an event's with those.</summary>
    public static void WriteUnit(Span<byte> target, byte id, byte lun)
    {
        target[..UnitBytes].Clear();
        target[0] = 1;
        target[1] = id;
        target[3] = lun;
    }

    /// <summary>Reads a unit's number, of peripheral or flat space.</summary>
    /// <returns>False when it is no number of a unit that can be here.</returns>
    public static bool TryReadUnit(ReadOnlySpan<byte> source, out byte id, out byte lun)
    {
        id = source[1];
        lun = source[3];
        return source[0] == 1 && source[2] is 0 or 0x40;
    }
}

/// <summary>Configuration space of a SCSI host: 36 bytes, little-endian.</summary>
/// <remarks>Source: virtio 1.3, 5.6.4; protocol-spec/virtio.md#scsi-configuration.</remarks>
public readonly record struct VirtioScsiConfig(uint QueueCount, uint MaximumSegments, uint MaximumSectors, uint SenseBytes, uint CommandBytes, uint MaximumLun)
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 36;

    /// <summary>Offset of <see cref="SenseBytes"/>, which a driver may write.</summary>
    public const int SenseOffset = 20;

    /// <summary>Offset of <see cref="CommandBytes"/>, which a driver may write.</summary>
    public const int CommandOffset = 24;

    /// <summary>What both are after a reset.</summary>
    public const uint DefaultSenseBytes = 96, DefaultCommandBytes = 32;

    private const uint CommandsPerUnit = 128;

    /// <summary>Writes all <see cref="Size"/> bytes. There is one channel, with one target.</summary>
    public void Write(Span<byte> target)
    {
        target[..Size].Clear();
        WriteUInt32LittleEndian(target, QueueCount);
        WriteUInt32LittleEndian(target[4..], MaximumSegments);
        WriteUInt32LittleEndian(target[8..], MaximumSectors);
        WriteUInt32LittleEndian(target[12..], CommandsPerUnit);
        WriteUInt32LittleEndian(target[16..], VirtioScsiLayout.EventBytes);
        WriteUInt32LittleEndian(target[SenseOffset..], SenseBytes);
        WriteUInt32LittleEndian(target[CommandOffset..], CommandBytes);
        WriteUInt32LittleEndian(target[32..], MaximumLun);
    }
}
