using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>What the synthetic interrupt controller asks of KVM.</summary>
internal interface ISynicKernel
{
    /// <summary>
    /// Has writes to <paramref name="trigger"/> interrupt <paramref name="processor"/> through the VMBus interrupt source. With
    /// <paramref name="endOfMessage"/> that is signalled when the guest ends the interrupt or writes its end-of-message register.
    /// </summary>
    /// <returns>0 or errno.</returns>
    int AssignInterrupt(int processor, EventFd trigger, EventFd? endOfMessage);

    /// <summary>Ends <see cref="AssignInterrupt"/>; signals written meanwhile stay in the trigger and are delivered by the next assignment.</summary>
    /// <returns>0 or errno.</returns>
    int ReleaseInterrupt(int processor, EventFd trigger);

    /// <summary>Sets the register of the processor's VMBus interrupt source. On that processor's thread, outside the guest.</summary>
    /// <returns>False when the kernel refuses the value.</returns>
    bool TrySetSource(int processor, ulong value);

    /// <summary>Has the guest's signals on a connection id write <paramref name="target"/>.</summary>
    /// <returns>0 or errno.</returns>
    int BindEvent(uint connectionId, EventFd target);

    /// <summary>Ends <see cref="BindEvent"/>.</summary>
    /// <returns>0 or errno.</returns>
    int UnbindEvent(uint connectionId);
}
