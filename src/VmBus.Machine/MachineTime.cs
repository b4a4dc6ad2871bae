namespace VmBus.Machine;

/// <summary>A moment as the guest's reference counter and as the host's clock have it.</summary>
/// <param name="Reference">The partition's reference counter (MSR 0x40000020), in units of 100 ns.</param>
/// <param name="Utc">The host's time of day.</param>
public readonly record struct MachineTime(ulong Reference, DateTime Utc);
