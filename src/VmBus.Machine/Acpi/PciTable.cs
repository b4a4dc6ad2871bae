using VmBus.Machine.Pci;

namespace VmBus.Machine.Acpi;

/// <summary>The MCFG: where the configuration space of PCI devices is as memory. Source: PCI Firmware Specification 3.2, 4.1.2.</summary>
internal static class PciTable
{
    internal static byte[] Build()
    {
        // 8 reserved bytes, then one segment's bus 0: address, segment, first and last bus, 4 reserved bytes.
        var table = new SystemTable("MCFG", 1, 24);
        table.SetUInt64(SystemTable.HeaderBytes + 8, PciLayout.ConfigurationStart);
        return table.ToArray();
    }
}
