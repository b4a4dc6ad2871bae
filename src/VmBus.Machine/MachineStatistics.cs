namespace VmBus.Machine;

/// <summary>How often the virtual processors left the kernel, since the machine started. A snapshot.</summary>
public readonly record struct MachineStatistics
{
    /// <summary>Port accesses.</summary>
    public long PortExits { get; init; }

    /// <summary>Accesses to addresses without memory.</summary>
    public long MemoryMappedExits { get; init; }

    /// <summary>HvPostMessage.</summary>
    public long PostMessageHypercalls { get; init; }

    /// <summary>HvSignalEvent that no eventfd was bound to.</summary>
    public long SignalEventHypercalls { get; init; }

    /// <summary>Other hypercalls that KVM does not implement itself.</summary>
    public long OtherHypercalls { get; init; }

    /// <summary>Changes of the synthetic interrupt controller's registers.</summary>
    public long SynicExits { get; init; }

    /// <summary>Accesses to the crash registers.</summary>
    public long MsrExits { get; init; }

    /// <summary>Returns because of a signal.</summary>
    public long Interruptions { get; init; }

    /// <summary>All of them.</summary>
    public long Total => PortExits + MemoryMappedExits + PostMessageHypercalls + SignalEventHypercalls + OtherHypercalls + SynicExits
        + MsrExits + Interruptions;
}
