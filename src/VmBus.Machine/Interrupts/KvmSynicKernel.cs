using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>KVM's side of the synthetic interrupt controller: irqfds on routed interrupts, eventfds on connection ids, a register of each processor.</summary>
internal sealed class KvmSynicKernel(KvmVm vm, IReadOnlyList<KvmVcpu> processors) : ISynicKernel
{
    /// <inheritdoc/>
    public int AssignInterrupt(int processor, EventFd trigger, EventFd? endOfMessage)
        => -vm.AssignInterrupt(InterruptRouting.SyntheticGsi(processor), trigger, endOfMessage);

    /// <inheritdoc/>
    public int ReleaseInterrupt(int processor, EventFd trigger) => -vm.ReleaseInterrupt(InterruptRouting.SyntheticGsi(processor), trigger);

    /// <inheritdoc/>
    public bool TrySetSource(int processor, ulong value) => processors[processor].TrySetMsr(InterruptRouting.VmBusSourceMsr, value);

    /// <inheritdoc/>
    public int BindEvent(uint connectionId, EventFd target) => -vm.BindEvent(connectionId, target);

    /// <inheritdoc/>
    public int UnbindEvent(uint connectionId) => -vm.UnbindEvent(connectionId);
}
