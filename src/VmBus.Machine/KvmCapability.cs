namespace VmBus.Machine;

/// <summary>One thing that a partition may want of the host's KVM.</summary>
/// <param name="Name">The kernel's name for it, such as KVM_CAP_HYPERV_SYNIC2.</param>
/// <param name="Present">Whether this host has it.</param>
/// <param name="Needed">Whether a partition is refused without it.</param>
/// <param name="Purpose">What it is for, as the end of a sentence that begins with "needed to" or "used to".</param>
public sealed record KvmCapability(string Name, bool Present, bool Needed, string Purpose);
