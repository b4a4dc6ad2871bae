using VmBus.Machine.Crash;

namespace VmBus.Machine;

/// <summary>How a machine's life ended.</summary>
public enum MachineExitKind
{
    /// <summary>The guest switched itself off.</summary>
    PowerOff,

    /// <summary>The guest asked for a reset, or its first processor met a triple fault: a new machine over the same memory goes on.</summary>
    Reset,

    /// <summary>The guest reported a crash.</summary>
    Crashed,

    /// <summary>The host ended it.</summary>
    Stopped,

    /// <summary>KVM could not run the guest any further.</summary>
    Failed,
}

/// <summary>The end of a machine's life.</summary>
public sealed record MachineExit
{
    /// <summary>The guest switched itself off.</summary>
    public static readonly MachineExit PowerOff = new() { Kind = MachineExitKind.PowerOff };

    /// <summary>The host ended the machine.</summary>
    public static readonly MachineExit Stopped = new() { Kind = MachineExitKind.Stopped };

    private MachineExit()
    {
    }

    /// <summary>What happened.</summary>
    public MachineExitKind Kind { get; private init; }

    /// <summary>What the guest reported; set for <see cref="MachineExitKind.Crashed"/> only.</summary>
    public CrashReport? Crash { get; private init; }

    /// <summary>What reset the machine; set for <see cref="MachineExitKind.Reset"/> only.</summary>
    public ResetSource? Source { get; private init; }

    /// <summary>What went wrong, in one line; set for <see cref="MachineExitKind.Failed"/> only.</summary>
    public string? Failure { get; private init; }

    /// <summary>The guest reset.</summary>
    public static MachineExit Reset(ResetSource source) => new() { Kind = MachineExitKind.Reset, Source = source };

    /// <summary>The guest crashed.</summary>
    public static MachineExit Crashed(CrashReport report) => new() { Kind = MachineExitKind.Crashed, Crash = report };

    /// <summary>KVM could not go on.</summary>
    public static MachineExit Failed(string failure) => new() { Kind = MachineExitKind.Failed, Failure = failure };
}
