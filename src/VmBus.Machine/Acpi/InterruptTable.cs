using VmBus.Machine.Devices;

namespace VmBus.Machine.Acpi;

/// <summary>The MADT: local APICs, the I/O APIC and how the PC's interrupts reach it. Source: ACPI 6.5 §5.2.12.</summary>
internal static class InterruptTable
{
    /// <summary>Where KVM's I/O APIC is.</summary>
    internal const uint IoApicAddress = 0xFEC0_0000;

    /// <summary>Where the processors' local APICs are.</summary>
    internal const uint LocalApicAddress = 0xFEE0_0000;

    private const uint FlagHasPic = 1;
    private const byte AllProcessors = 0xFF;
    private const int LevelActiveHigh = 0x000D;
    private const int AsTheBus = 0;

    internal static byte[] Build(AcpiConfiguration configuration)
    {
        var entries = new List<byte>();
        for (int i = 0; i < configuration.ProcessorCount; i++) entries.AddRange([0, 8, (byte)i, (byte)i, 1, 0, 0, 0]);
        // The I/O APIC's id follows the processors', as on hardware.
        byte ioApicId = (byte)configuration.ProcessorCount;
        entries.AddRange([1, 12, ioApicId, 0, .. BitConverter.GetBytes(IoApicAddress), 0, 0, 0, 0]);
        AddOverride(entries, 0, 2, AsTheBus);
        AddOverride(entries, ChipsetLines.SystemControlGsi, ChipsetLines.SystemControlGsi, LevelActiveHigh);
        entries.AddRange([4, 6, AllProcessors, AsTheBus, AsTheBus, 1]);

        const int firstEntry = SystemTable.HeaderBytes + 8;
        var table = new SystemTable("APIC", 5, firstEntry - SystemTable.HeaderBytes + entries.Count);
        table.SetUInt32(36, LocalApicAddress);
        table.SetUInt32(40, FlagHasPic);
        table.SetBytes(firstEntry, entries.ToArray());
        return table.ToArray();
    }

    private static void AddOverride(List<byte> entries, byte isaIrq, byte gsi, int flags) =>
        entries.AddRange([2, 10, 0, isaIrq, gsi, 0, 0, 0, (byte)flags, 0]);
}
