using VmBus.Machine.Interrupts;
using VmBus.Native.Kvm;
using Xunit;

namespace VmBus.Machine.Tests.Interrupts;

/// <summary>The routing table: a PC's interrupts, and one per virtual processor.</summary>
public sealed class InterruptRoutingTests
{
    [Fact]
    public void Timer_arrives_at_input_two_as_the_acpi_override_says()
    {
        kvm_irq_routing_entry[] ioapic = [.. InterruptRouting.Build(1).Where(e => e.type == KvmConstant.KVM_IRQ_ROUTING_IRQCHIP
            && e.first == KvmConstant.KVM_IRQCHIP_IOAPIC)];
        Assert.Equal(23, ioapic.Length);
        Assert.Equal(0u, Assert.Single(ioapic, e => e.second == 2).gsi);
        Assert.All(ioapic.Where(e => e.gsi != 0), e => Assert.Equal(e.gsi, e.second));
        Assert.DoesNotContain(ioapic, e => e.gsi == 2);
    }

    [Fact]
    public void Pic_inputs_are_the_first_sixteen_without_the_cascade()
    {
        (uint Gsi, uint Chip, uint Input)[] pics = [.. InterruptRouting.Build(1)
            .Where(e => e.type == KvmConstant.KVM_IRQ_ROUTING_IRQCHIP && e.first != KvmConstant.KVM_IRQCHIP_IOAPIC)
            .Select(e => (e.gsi, e.first, e.second))];
        Assert.Equal(15, pics.Length);
        Assert.Contains((4u, KvmConstant.KVM_IRQCHIP_PIC_MASTER, 4u), pics);
        Assert.Contains((9u, KvmConstant.KVM_IRQCHIP_PIC_SLAVE, 1u), pics);
    }

    [Fact]
    public void Every_processor_has_one_synthetic_interrupt_above_the_inputs()
    {
        kvm_irq_routing_entry[] synthetic = [.. InterruptRouting.Build(64).Where(e => e.type == KvmConstant.KVM_IRQ_ROUTING_HV_SINT)];
        Assert.Equal(Enumerable.Range(0, 64).Select(p => ((uint)(24 + p), (uint)p, 2u)), synthetic.Select(e => (e.gsi, e.first, e.second)));
    }
}
