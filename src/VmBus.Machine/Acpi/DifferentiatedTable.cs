using VmBus.Machine.Devices;
using VmBus.Machine.Pci;

namespace VmBus.Machine.Acpi;

/// <summary>The DSDT: the namespace of devices. Source: ACPI 6.5 §5.2.11.1; the VMBus device: protocol-spec/machine.md#acpi.</summary>
internal static class DifferentiatedTable
{
    private const ulong Present = 0x0F;

    internal static byte[] Build(AcpiConfiguration configuration)
    {
        byte[] code = new AmlBuilder()
            .Scope("\\_SB", scope =>
            {
                AddProcessors(scope, configuration.ProcessorCount);
                AddVmBus(scope, configuration);
                AddInterruptControllers(scope);
                AddRealTimeClock(scope);
                AddSerialPort(scope);
                if (configuration.HasPciBus) AddPciBus(scope);
            })
            .Package("\\_S5", PowerManagement.PowerOffSleepType, PowerManagement.PowerOffSleepType, 0, 0)
            .ToArray();
        // Revision 2: integers have 64 bits.
        var table = new SystemTable("DSDT", 2, code.Length);
        table.SetBytes(SystemTable.HeaderBytes, code);
        return table.ToArray();
    }

    private static void AddProcessors(AmlBuilder scope, int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong id = (ulong)i;
            scope.Device($"C{i:X3}", device => device.Name("_HID", "ACPI0007").Name("_UID", id).Name("_STA", Present));
        }
    }

    // Guests look for address windows on the VMBus device and then on its ancestors; a module device (ACPI0004) carries them.
    private static void AddVmBus(AmlBuilder scope, AcpiConfiguration configuration)
    {
        ResourceTemplate windows = new ResourceTemplate()
            .MemoryWindow(AcpiConfiguration.LowWindowStart, AcpiConfiguration.LowWindowEnd - AcpiConfiguration.LowWindowStart);
        (ulong start, ulong bytes) = configuration.HighWindow;
        if (bytes != 0) windows.MemoryWindow(start, bytes);
        scope.Device("VMOD", module => module
            .Name("_HID", "ACPI0004")
            .Name("_UID", 0)
            .Name("_CRS", windows)
            .Device("VMBS", bus => bus
                .Name("_HID", "VMBus")
                .Name("_UID", 0)
                .Name("_DDN", "VMBUS")
                .Name("_STA", Present)
                .Name("_CRS", new ResourceTemplate())));
    }

    private static void AddInterruptControllers(AmlBuilder scope) => scope.Device("APIC", device => device
        .EisaName("_HID", "PNP0003")
        .Name("_CRS", new ResourceTemplate()
            .FixedMemory(InterruptTable.LocalApicAddress, 0x1000)
            .FixedMemory(InterruptTable.IoApicAddress, 0x1000)));

    private static void AddRealTimeClock(AmlBuilder scope) => scope.Device("RTC0", device => device
        .EisaName("_HID", "PNP0B00")
        .Name("_CRS", new ResourceTemplate().Io(0x70, 2).Irq(ChipsetLines.RealTimeClockGsi)));

    // Guests believe in a configuration space in memory only where it is reserved, which a motherboard resource (PNP0C02) says. There is no _PRT: no device has
    // an interrupt line.
    private static void AddPciBus(AmlBuilder scope)
    {
        scope.Device("PCI0", bus => bus
            .EisaName("_HID", "PNP0A03")
            .Name("_UID", 0)
            .Name("_SEG", 0)
            .Name("_BBN", 0)
            .Name("_CRS", new ResourceTemplate()
                .BusNumbers(0, 0)
                .Io(PciHostBridge.AddressPort, 8)
                .MemoryWindow(PciLayout.WindowStart, PciLayout.WindowBytes)));
        scope.Device("MBRD", board => board
            .EisaName("_HID", "PNP0C02")
            .Name("_UID", 0)
            .Name("_CRS", new ResourceTemplate().FixedMemory(PciLayout.ConfigurationStart, PciLayout.ConfigurationBytes)));
    }

    private static void AddSerialPort(AmlBuilder scope) => scope.Device("UAR1", device => device
        .EisaName("_HID", "PNP0501")
        .Name("_UID", 1)
        .Name("_DDN", "COM1")
        .Name("_STA", Present)
        .Name("_CRS", new ResourceTemplate().Io(ChipsetDevices.Com1Port, 8).Irq(ChipsetLines.Com1Gsi)));
}
