namespace VmBus.Machine;

/// <summary>What a machine is made of, besides its memory and devices.</summary>
public sealed record MachineOptions
{
    /// <summary>The most virtual processors a machine can have: event flags and interrupt routes are kept per processor.</summary>
    public const int MaximumProcessors = 64;

    /// <summary>Virtual processors, 1 to <see cref="MaximumProcessors"/>.</summary>
    public int ProcessorCount { get; init; } = 1;

    /// <summary>The host's KVM where it is open already, and stays the caller's; null for /dev/kvm.</summary>
    public KvmHost? Host { get; init; }

    /// <summary>The partition's name, for logs.</summary>
    public string Name { get; init; } = "partition";

    /// <summary>
    /// Whether a guest's crash report ends the machine. Without it the report is only logged, and the guest goes on to what it does after a
    /// panic, such as starting a crash kernel.
    /// </summary>
    public bool StopOnCrash { get; init; } = true;

    /// <summary>Whether the guest is asked to report its free pages, which then go back to the host. KVM passes the reports on from Linux 6.3; before that there are none.</summary>
    public bool TakesFreePages { get; init; }
}
