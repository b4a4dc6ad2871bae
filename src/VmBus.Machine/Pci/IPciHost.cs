using VmBus.Native.Linux;

namespace VmBus.Machine.Pci;

/// <summary>What a PCI function needs of its machine. Called on vCPU threads.</summary>
internal interface IPciHost
{
    /// <summary>Has the guest's writes to an address, of any length and value, signal an eventfd in the kernel.</summary>
    /// <returns>0, or the negated errno.</returns>
    int BindWrite(ulong address, EventFd target);

    /// <summary>Ends <see cref="BindWrite"/>.</summary>
    void UnbindWrite(ulong address, EventFd target);

    /// <summary>A place for an interrupt that signals of an eventfd raise.</summary>
    IMessageInterrupt AddMessage(EventFd trigger);
}

/// <summary>An interrupt that a device raises by a message of the guest's choice (MSI). One thread at a time.</summary>
internal interface IMessageInterrupt
{
    /// <summary>From here on signals, and one that came before, send this message.</summary>
    void Connect(ulong address, uint data);

    /// <summary>From here on signals wait.</summary>
    void Disconnect();
}
