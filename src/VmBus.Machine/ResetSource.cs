namespace VmBus.Machine;

/// <summary>What made a machine reset.</summary>
public enum ResetSource
{
    /// <summary>The reset control register at port 0xCF9, which is also ACPI's reset register.</summary>
    ResetControlRegister,

    /// <summary>The keyboard controller's command 0xFE at port 0x64.</summary>
    KeyboardController,

    /// <summary>The hypervisor's reset register, <c>HV_X64_MSR_RESET</c>.</summary>
    ResetMsr,

    /// <summary>A fault while a double fault was delivered: the guest's way of last resort, or its end by its own or the host's mistake.</summary>
    TripleFault,
}
