using VmBus.Native.Kvm;

namespace VmBus.Machine.Interrupts;

/// <summary>The machine's global system interrupts: 0 to 23 are the inputs of the PICs and the IOAPIC, from 24 on one per virtual processor.</summary>
/// <remarks>
/// As on a PC, interrupt 0 (the interval timer) arrives at IOAPIC input 2, which the ACPI tables say with an override 0 to 2; input 2 has no
/// other source. Source: Linux Documentation/virt/kvm/api.rst, KVM_SET_GSI_ROUTING.
/// </remarks>
internal static class InterruptRouting
{
    internal const int InputCount = 24;
    internal const int VmBusSource = 2;

    /// <summary>HV_X64_MSR_SINT2: the register of <see cref="VmBusSource"/>.</summary>
    internal const uint VmBusSourceMsr = 0x4000_0090 + VmBusSource;

    private const int PicInputs = 8;
    private const int CascadeInput = 2;
    private const int TimerIoApicInput = 2;

    /// <summary>The interrupt that reaches the VMBus interrupt source of a virtual processor.</summary>
    internal static int SyntheticGsi(int processor) => InputCount + processor;

    /// <summary>The whole table, as KVM replaces it as a whole.</summary>
    internal static kvm_irq_routing_entry[] Build(int processorCount)
    {
        var entries = new List<kvm_irq_routing_entry>();
        for (uint gsi = 0; gsi < InputCount; gsi++)
        {
            if (gsi == CascadeInput) continue;
            if (gsi < PicInputs) entries.Add(Chip(gsi, KvmConstant.KVM_IRQCHIP_PIC_MASTER, gsi));
            else if (gsi < 2 * PicInputs) entries.Add(Chip(gsi, KvmConstant.KVM_IRQCHIP_PIC_SLAVE, gsi - PicInputs));
            entries.Add(Chip(gsi, KvmConstant.KVM_IRQCHIP_IOAPIC, gsi == 0 ? TimerIoApicInput : gsi));
        }

        for (int processor = 0; processor < processorCount; processor++)
        {
            entries.Add(new kvm_irq_routing_entry
            {
                gsi = (uint)SyntheticGsi(processor),
                type = KvmConstant.KVM_IRQ_ROUTING_HV_SINT,
                first = (uint)processor,
                second = VmBusSource,
            });
        }

        return [.. entries];
    }

    private static kvm_irq_routing_entry Chip(uint gsi, uint chip, uint input)
        => new() { gsi = gsi, type = KvmConstant.KVM_IRQ_ROUTING_IRQCHIP, first = chip, second = input };
}
