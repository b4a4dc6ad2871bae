namespace VmBus.Machine.Pci;

/// <summary>Where a partition's PCI bus lies in guest physical addresses: below what PCs have at the end of 32 bits, above what VMBus devices use.</summary>
/// <remarks>Source: protocol-spec/machine.md#pci.</remarks>
public static class PciLayout
{
    /// <summary>Devices that there can be beside the host bridge, which is number 0.</summary>
    public const int MaximumDevices = 31;

    /// <summary>First address of the window for the registers of devices.</summary>
    public const uint WindowStart = 0xFE00_0000;

    /// <summary>Bytes of the window.</summary>
    public const uint WindowBytes = 0x80_0000;

    /// <summary>First address of the configuration space as memory (ECAM).</summary>
    public const uint ConfigurationStart = 0xFEB0_0000;

    /// <summary>Its bytes: 4096 for each of 8 functions of 32 devices, one bus.</summary>
    public const uint ConfigurationBytes = 0x10_0000;

    /// <summary>Bytes of configuration space that a device has in the older way, by ports; those after them read as zero.</summary>
    internal const int FunctionBytes = 256;

    /// <summary>Where a device's registers are until the guest places them elsewhere in the window.</summary>
    internal static uint RegistersOf(int index) => WindowStart + ((uint)index * PciFunction.RegisterBytes);
}
