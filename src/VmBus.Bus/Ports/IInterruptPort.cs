namespace VmBus.Bus.Ports;

/// <summary>Carries the host's channel signals to the guest: an event flag and the VMBus interrupt on one virtual processor.</summary>
/// <remarks>Called from every lane, on the data path. Source: protocol-spec/synic.md#event-flags.</remarks>
public interface IInterruptPort
{
    /// <summary>Sets <paramref name="flag"/> (the channel id) on <paramref name="virtualProcessor"/> and interrupts it.</summary>
    /// <remarks>A processor whose event page is off keeps the flag; it is raised when the page is enabled.</remarks>
    void Raise(uint virtualProcessor, uint flag);
}
