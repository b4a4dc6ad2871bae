using static VmBus.Storage.Scsi.Commands.CommandAccess;
using static VmBus.Storage.Scsi.Commands.CommandNeeds;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>What a direct-access unit answers. The table in protocol-spec/scsi.md#disk-commands is held against this one.</summary>
internal static class DiskCommands
{
    private const CommandNeeds Writes = Medium | WritableMedium;

    /// <summary>All rows in ascending order.</summary>
    internal static IReadOnlyList<ScsiCommand> All { get; } =
    [
        new(ScsiOpcode.TestUnitReady, null, "TEST UNIT READY", Cdb("00 00 00 00 00 04"), Probe, Medium, BasicCommands.TestUnitReady),
        new(ScsiOpcode.RequestSense, null, "REQUEST SENSE", Cdb("03 01 00 00 FF 04"), Free, IgnoresAttention, BasicCommands.RequestSense),
        new(ScsiOpcode.Read6, null, "READ (6)", Cdb("08 1F FF FF FF 04"), Read, Medium, ReadWrite.Read),
        new(ScsiOpcode.Write6, null, "WRITE (6)", Cdb("0A 1F FF FF FF 04"), Write, Writes, ReadWrite.Write),
        new(ScsiOpcode.Inquiry, null, "INQUIRY", Cdb("12 01 FF FF FF 04"), Free, IgnoresAttention, Inquiry.Execute),
        new(ScsiOpcode.ModeSelect6, null, "MODE SELECT (6)", Cdb("15 11 00 00 FF 04"), Write, None, ModeSelect.Execute),
        new(ScsiOpcode.Reserve6, null, "RESERVE (6)", Cdb("16 00 00 00 00 04"), Free, None, ReserveRelease.Reserve),
        new(ScsiOpcode.Release6, null, "RELEASE (6)", Cdb("17 00 00 00 00 04"), Free, None, ReserveRelease.Release),
        new(ScsiOpcode.ModeSense6, null, "MODE SENSE (6)", Cdb("1A 08 FF FF FF 04"), Read, None, ModeSense.Execute),
        new(ScsiOpcode.StartStopUnit, null, "START STOP UNIT", Cdb("1B 01 00 0F F7 04"), Write, None, BasicCommands.StartStopUnit),
        new(ScsiOpcode.PreventAllowMediumRemoval, null, "PREVENT ALLOW MEDIUM REMOVAL",
            Cdb("1E 00 00 00 03 04"), Write, None, BasicCommands.PreventAllow),
        new(ScsiOpcode.ReadCapacity10, null, "READ CAPACITY (10)", Cdb("25 00 FF FF FF FF 00 00 01 04"), Probe, Medium, Capacity.Read10),
        new(ScsiOpcode.Read10, null, "READ (10)", Cdb("28 F8 FF FF FF FF 00 FF FF 04"), Read, Medium, ReadWrite.Read),
        new(ScsiOpcode.Write10, null, "WRITE (10)", Cdb("2A F8 FF FF FF FF 00 FF FF 04"), Write, Writes, ReadWrite.Write),
        new(ScsiOpcode.WriteAndVerify10, null, "WRITE AND VERIFY (10)",
            Cdb("2E F6 FF FF FF FF 00 FF FF 04"), Write, Writes, Verification.WriteAndVerify),
        new(ScsiOpcode.Verify10, null, "VERIFY (10)", Cdb("2F F6 FF FF FF FF 00 FF FF 04"), Read, Medium, Verification.Verify),
        new(ScsiOpcode.Prefetch10, null, "PRE-FETCH (10)", Cdb("34 02 FF FF FF FF 1F FF FF 04"), Read, Medium, ReadWrite.Prefetch),
        new(ScsiOpcode.SynchronizeCache10, null, "SYNCHRONIZE CACHE (10)",
            Cdb("35 02 FF FF FF FF 1F FF FF 04"), Write, Medium, ReadWrite.SynchronizeCache),
        new(ScsiOpcode.WriteSame10, null, "WRITE SAME (10)", Cdb("41 F8 FF FF FF FF 00 FF FF 04"), Write, Writes, WriteSame.Execute),
        new(ScsiOpcode.Unmap, null, "UNMAP", Cdb("42 01 00 00 00 00 1F FF FF 04"), Write, Writes, Unmap.Execute),
        new(ScsiOpcode.ModeSelect10, null, "MODE SELECT (10)", Cdb("55 11 00 00 00 00 00 FF FF 04"), Write, None, ModeSelect.Execute),
        new(ScsiOpcode.Reserve10, null, "RESERVE (10)", Cdb("56 10 00 00 00 00 00 FF FF 04"), Free, None, ReserveRelease.Reserve),
        new(ScsiOpcode.Release10, null, "RELEASE (10)", Cdb("57 10 00 00 00 00 00 FF FF 04"), Free, None, ReserveRelease.Release),
        new(ScsiOpcode.ModeSense10, null, "MODE SENSE (10)", Cdb("5A 18 FF FF 00 00 00 FF FF 04"), Read, None, ModeSense.Execute),
        new(ScsiOpcode.PersistentReserveIn, 0, "PERSISTENT RESERVE IN: READ KEYS",
            Cdb("5E 1F 00 00 00 00 00 FF FF 04"), Probe, None, PersistentReserveIn.ReadKeys),
        new(ScsiOpcode.PersistentReserveIn, 1, "PERSISTENT RESERVE IN: READ RESERVATION",
            Cdb("5E 1F 00 00 00 00 00 FF FF 04"), Probe, None, PersistentReserveIn.ReadReservation),
        new(ScsiOpcode.PersistentReserveIn, 2, "PERSISTENT RESERVE IN: REPORT CAPABILITIES",
            Cdb("5E 1F 00 00 00 00 00 FF FF 04"), Probe, None, PersistentReserveIn.ReportCapabilities),
        new(ScsiOpcode.PersistentReserveIn, 3, "PERSISTENT RESERVE IN: READ FULL STATUS",
            Cdb("5E 1F 00 00 00 00 00 FF FF 04"), Probe, None, PersistentReserveIn.ReadFullStatus),
        new(ScsiOpcode.PersistentReserveOut, 0, "PERSISTENT RESERVE OUT: REGISTER",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 1, "PERSISTENT RESERVE OUT: RESERVE",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 2, "PERSISTENT RESERVE OUT: RELEASE",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 3, "PERSISTENT RESERVE OUT: CLEAR",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 4, "PERSISTENT RESERVE OUT: PREEMPT",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 5, "PERSISTENT RESERVE OUT: PREEMPT AND ABORT",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.PersistentReserveOut, 6, "PERSISTENT RESERVE OUT: REGISTER AND IGNORE EXISTING KEY",
            Cdb("5F 1F FF 00 00 FF FF FF FF 04"), Probe, None, PersistentReserveOut.Execute),
        new(ScsiOpcode.Read16, null, "READ (16)", Cdb("88 F8 FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Read, Medium, ReadWrite.Read),
        new(ScsiOpcode.CompareAndWrite, null, "COMPARE AND WRITE",
            Cdb("89 F8 FF FF FF FF FF FF FF FF 00 00 00 FF 00 04"), Write, Writes, CompareAndWrite.Execute),
        new(ScsiOpcode.Write16, null, "WRITE (16)", Cdb("8A F8 FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Write, Writes, ReadWrite.Write),
        new(ScsiOpcode.WriteAndVerify16, null, "WRITE AND VERIFY (16)",
            Cdb("8E F6 FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Write, Writes, Verification.WriteAndVerify),
        new(ScsiOpcode.Verify16, null, "VERIFY (16)",
            Cdb("8F F6 FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Read, Medium, Verification.Verify),
        new(ScsiOpcode.Prefetch16, null, "PRE-FETCH (16)",
            Cdb("90 02 FF FF FF FF FF FF FF FF FF FF FF FF 1F 04"), Read, Medium, ReadWrite.Prefetch),
        new(ScsiOpcode.SynchronizeCache16, null, "SYNCHRONIZE CACHE (16)",
            Cdb("91 02 FF FF FF FF FF FF FF FF FF FF FF FF 1F 04"), Write, Medium, ReadWrite.SynchronizeCache),
        new(ScsiOpcode.WriteSame16, null, "WRITE SAME (16)",
            Cdb("93 F9 FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Write, Writes, WriteSame.Execute),
        new(ScsiOpcode.ServiceActionIn16, 0x10, "READ CAPACITY (16)",
            Cdb("9E 1F FF FF FF FF FF FF FF FF FF FF FF FF 01 04"), Probe, Medium, Capacity.Read16),
        new(ScsiOpcode.ServiceActionIn16, 0x12, "GET LBA STATUS",
            Cdb("9E 1F FF FF FF FF FF FF FF FF FF FF FF FF 00 04"), Read, Medium, Capacity.GetLbaStatus),
        new(ScsiOpcode.ReportLuns, null, "REPORT LUNS",
            Cdb("A0 00 FF 00 00 00 FF FF FF FF 00 04"), Free, IgnoresAttention, BasicCommands.ReportLuns),
        new(ScsiOpcode.MaintenanceIn, 0x0C, "REPORT SUPPORTED OPERATION CODES",
            Cdb("A3 1F 87 FF FF FF FF FF FF FF 00 04"), Probe, None, SupportedOpcodes.Report),
        new(ScsiOpcode.Read12, null, "READ (12)", Cdb("A8 F8 FF FF FF FF FF FF FF FF 00 04"), Read, Medium, ReadWrite.Read),
        new(ScsiOpcode.Write12, null, "WRITE (12)", Cdb("AA F8 FF FF FF FF FF FF FF FF 00 04"), Write, Writes, ReadWrite.Write),
        new(ScsiOpcode.WriteAndVerify12, null, "WRITE AND VERIFY (12)",
            Cdb("AE F6 FF FF FF FF FF FF FF FF 00 04"), Write, Writes, Verification.WriteAndVerify),
        new(ScsiOpcode.Verify12, null, "VERIFY (12)", Cdb("AF F6 FF FF FF FF FF FF FF FF 00 04"), Read, Medium, Verification.Verify),
    ];

    /// <summary>The bytes of a hexadecimal text.</summary>
    internal static byte[] Cdb(string usage) => Convert.FromHexString(usage.Replace(" ", "", StringComparison.Ordinal));
}
