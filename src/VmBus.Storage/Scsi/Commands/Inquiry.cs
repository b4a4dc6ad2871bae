using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>INQUIRY: standard data and vital product data. Source: SPC-4, 6.4 and 7.8; SBC-3, 6.5; protocol-spec/scsi.md#vpd.</summary>
internal static class Inquiry
{
    /// <summary>Most blocks of one WRITE SAME.</summary>
    internal const uint MaximumWriteSameBlocks = 0x7F_FFFF;

    private const byte SupportedPages = 0x00;
    private const byte UnitSerialNumber = 0x80;
    private const byte DeviceIdentification = 0x83;
    private const byte BlockLimits = 0xB0;
    private const byte BlockDeviceCharacteristics = 0xB1;
    private const byte LogicalBlockProvisioning = 0xB2;

    private const int StandardBytes = 96;
    private const int LargestPage = 256;

    private static ReadOnlySpan<byte> Vendor => "Msft    "u8;

    internal static void Execute(ScsiTask task)
    {
        ReadOnlySpan<byte> cdb = task.Cdb;
        uint allocationLength = task.Field16(3);
        Span<byte> reply = task.Queue.Reply.AsSpan(0, LargestPage);
        reply.Clear();
        bool vital = (cdb[1] & 0x01) != 0;
        int bytes = vital ? WriteVital(task.Unit, cdb[2], reply) : cdb[2] == 0 ? WriteStandard(task.Unit, reply) : 0;
        if (bytes == 0) task.Fail(SenseCode.InvalidFieldInCdb);
        else task.Reply(reply[..bytes], allocationLength);
    }

    private static byte TypeOf(LogicalUnit unit) => (byte)(unit.Kind == ScsiUnitKind.Dvd ? 0x05 : 0x00);

    private static int WriteStandard(LogicalUnit unit, Span<byte> reply)
    {
        bool dvd = unit.Kind == ScsiUnitKind.Dvd;
        reply[0] = TypeOf(unit);
        reply[1] = (byte)(dvd ? 0x80 : 0x00);
        reply[2] = 0x05; // SPC-3: below this Linux reads no vital product data and asks READ CAPACITY (10) first.
        reply[3] = 0x02;
        reply[4] = StandardBytes - 5;
        reply[7] = 0x02; // Commands are queued.
        Vendor.CopyTo(reply[8..]);
        (dvd ? "Virtual DVD-ROM "u8 : "Virtual Disk    "u8).CopyTo(reply[16..]);
        "1.0 "u8.CopyTo(reply[32..]);
        // Version descriptors: SAM-5, SPC-4, then SBC-3 or MMC-6.
        BinaryPrimitives.WriteUInt16BigEndian(reply[58..], 0x00A0);
        BinaryPrimitives.WriteUInt16BigEndian(reply[60..], 0x0460);
        BinaryPrimitives.WriteUInt16BigEndian(reply[62..], (ushort)(dvd ? 0x04E0 : 0x04C0));
        return StandardBytes;
    }

    private static int WriteVital(LogicalUnit unit, byte page, Span<byte> reply)
    {
        reply[0] = TypeOf(unit);
        reply[1] = page;
        bool disk = unit.Kind == ScsiUnitKind.Disk;
        int length = page switch
        {
            SupportedPages => WriteSupportedPages(unit, reply[4..]),
            UnitSerialNumber when unit.Serial.Length > 0 => Copy(unit.Serial, reply[4..]),
            DeviceIdentification => WriteDesignators(unit, reply[4..]),
            BlockLimits when disk => WriteBlockLimits(unit, reply),
            BlockDeviceCharacteristics when disk => WriteCharacteristics(unit, reply),
            LogicalBlockProvisioning when disk && unit.Thin => WriteProvisioning(reply),
            _ => 0,
        };
        if (length == 0) return 0;
        BinaryPrimitives.WriteUInt16BigEndian(reply[2..], (ushort)length);
        return length + 4;
    }

    private static int WriteSupportedPages(LogicalUnit unit, Span<byte> pages)
    {
        int count = 0;
        pages[count++] = SupportedPages;
        if (unit.Serial.Length > 0) pages[count++] = UnitSerialNumber;
        pages[count++] = DeviceIdentification;
        if (unit.Kind != ScsiUnitKind.Disk) return count;
        pages[count++] = BlockLimits;
        pages[count++] = BlockDeviceCharacteristics;
        if (unit.Thin) pages[count++] = LogicalBlockProvisioning;
        return count;
    }

    // Two designators of the logical unit: NAA with identity bytes behind Microsoft's company number, as Hyper-V names its disks, and the
    // T10 vendor form with the whole identity.
    private static int WriteDesignators(LogicalUnit unit, Span<byte> list)
    {
        Span<byte> identity = stackalloc byte[16];
        unit.Identity.Identity.TryWriteBytes(identity);
        list[0] = 0x01;
        list[1] = 0x03;
        list[3] = 16;
        ReadOnlySpan<byte> company = [0x60, 0x02, 0x24, 0x80];
        company.CopyTo(list[4..]);
        identity[..4].CopyTo(list[8..]);
        identity[8..].CopyTo(list[12..]);
        Span<byte> vendor = list[20..];
        vendor[0] = 0x01;
        vendor[1] = 0x01;
        vendor[3] = 24;
        Vendor.CopyTo(vendor[4..]);
        identity.CopyTo(vendor[12..]);
        return 20 + 28;
    }

    // The optimal transfer length stays 0: Linux would take it for a stripe width when it makes file systems.
    private static int WriteBlockLimits(LogicalUnit unit, Span<byte> reply)
    {
        if (unit.Medium is not { } medium) return 0;
        reply[4] = 0x01; // WSNZ: a WRITE SAME of 0 blocks is refused, it does not mean the rest of the medium.
        reply[5] = (byte)Math.Min(byte.MaxValue, medium.StepBytes >> medium.BlockShift);
        BinaryPrimitives.WriteUInt16BigEndian(reply[6..], (ushort)(1 << Math.Min(medium.PhysicalExponent, 15)));
        BinaryPrimitives.WriteUInt32BigEndian(reply[8..], medium.MaximumTransferBlocks);
        if (unit.Thin)
        {
            BinaryPrimitives.WriteUInt32BigEndian(reply[20..], uint.MaxValue);
            BinaryPrimitives.WriteUInt32BigEndian(reply[24..], WorkArea.MaximumRanges);
            uint granularity = (uint)unit.Traits.DiscardGranularityBytes >> medium.BlockShift;
            BinaryPrimitives.WriteUInt32BigEndian(reply[28..], Math.Max(1u, granularity));
            BinaryPrimitives.WriteUInt32BigEndian(reply[32..], 0x8000_0000); // Alignment is valid, and 0.
        }

        BinaryPrimitives.WriteUInt64BigEndian(reply[36..], MaximumWriteSameBlocks);
        return 0x3C;
    }

    private static int WriteCharacteristics(LogicalUnit unit, Span<byte> reply)
    {
        // Rotation: 1 is a non-rotating medium, 0 says nothing, which guests take for a spinning one.
        BinaryPrimitives.WriteUInt16BigEndian(reply[4..], (ushort)(unit.Traits.Rotational ? 0 : 1));
        return 0x3C;
    }

    private static int WriteProvisioning(Span<byte> reply)
    {
        reply[5] = 0xE0; // LBPU, LBPWS, LBPWS10; LBPRZ 0: what a discarded range reads as is the disk's choice.
        reply[6] = 0x02; // Thin provisioned.
        return 4;
    }

    private static int Copy(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        source.CopyTo(destination);
        return source.Length;
    }
}
