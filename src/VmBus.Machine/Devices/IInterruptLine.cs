namespace VmBus.Machine.Devices;

/// <summary>One input of the machine's interrupt controllers, by global system interrupt number.</summary>
/// <remarks>Any thread; neither blocks on the guest nor throws. Calls after the machine was disposed do nothing.</remarks>
public interface IInterruptLine
{
    /// <summary>Holds the line up or down; for level-triggered lines such as the ACPI system control interrupt.</summary>
    void SetLevel(bool raised);

    /// <summary>Raises and lowers the line: one edge, for edge-triggered lines such as COM1.</summary>
    void Pulse();
}
