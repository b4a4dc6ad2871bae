using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>KVM's side of the synthetic interrupt controller: irqfds on routed interrupts, eventfds on connection ids.</summary>
internal sealed class KvmSynicKernel(KvmVm vm) : ISynicKernel
{
    /// <inheritdoc/>
    public int AssignInterrupt(int processor, EventFd trigger, EventFd? endOfMessage)
        => -vm.AssignInterrupt(InterruptRouting.SyntheticGsi(processor), trigger, endOfMessage);

    /// <inheritdoc/>
    public int ReleaseInterrupt(int processor, EventFd trigger) => -vm.ReleaseInterrupt(InterruptRouting.SyntheticGsi(processor), trigger);

    /// <inheritdoc/>
    public int BindEvent(uint connectionId, EventFd target) => -vm.BindEvent(connectionId, target);

    /// <inheritdoc/>
    public int UnbindEvent(uint connectionId) => -vm.UnbindEvent(connectionId);
}
