using VmBus.Machine.Devices;
using VmBus.Machine.Pci;

namespace VmBus.Machine.Acpi;

/// <summary>The FADT: where the fixed hardware is and what a PC usually has that this machine lacks. Source: ACPI 6.5 §5.2.9.</summary>
internal static class FixedTable
{
    private const int TableBytes = 276;
    private const byte EnterpriseServer = 4;

    // There is neither VGA nor a keyboard controller, and every device is in the namespace.
    private const ushort BootNoVga = 1 << 2;

    private const uint FlagWbinvd = 1 << 0;
    private const uint FlagProcessorC1 = 1 << 2;
    private const uint FlagNoSleepButton = 1 << 5;
    private const uint FlagTimer32Bits = 1 << 8;
    private const uint FlagResetRegister = 1 << 10;
    private const uint FlagHeadless = 1 << 12;

    // Latencies from which on a processor state counts as absent.
    private const ushort NoC2 = 101;
    private const ushort NoC3 = 1001;

    internal static byte[] Build(uint facs, uint dsdt)
    {
        var table = new SystemTable("FACP", 6, TableBytes - SystemTable.HeaderBytes);
        table.SetUInt32(36, facs);
        table.SetUInt32(40, dsdt);
        table.SetByte(45, EnterpriseServer);
        table.SetUInt16(46, ChipsetLines.SystemControlGsi);
        table.SetUInt32(56, PowerManagement.EventPort);
        table.SetUInt32(64, PowerManagement.ControlPort);
        table.SetUInt32(76, PowerManagement.TimerPort);
        table.SetByte(88, 4);
        table.SetByte(89, 2);
        table.SetByte(91, 4);
        table.SetUInt16(96, NoC2);
        table.SetUInt16(98, NoC3);
        table.SetByte(108, RealTimeClock.CenturyRegister);
        table.SetUInt16(109, BootNoVga);
        table.SetUInt32(112, FlagWbinvd | FlagProcessorC1 | FlagNoSleepButton | FlagTimer32Bits | FlagResetRegister | FlagHeadless);
        table.SetPortAddress(116, PciHostBridge.ResetPort, 8, 1);
        table.SetByte(128, PciHostBridge.ResetValue);
        table.SetByte(131, 4); // Minor version: ACPI 6.4, the newest that the revision number 6 covers in common tools.
        table.SetUInt64(140, dsdt);
        table.SetPortAddress(148, PowerManagement.EventPort, 32, 2);
        table.SetPortAddress(172, PowerManagement.ControlPort, 16, 2);
        table.SetPortAddress(208, PowerManagement.TimerPort, 32, 4);
        table.SetBytes(268, "VmBus\0\0\0"u8);
        return table.ToArray();
    }
}
