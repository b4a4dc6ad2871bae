namespace VmBus.Host;

/// <summary>Why a partition ended.</summary>
public enum PartitionEnd
{
    /// <summary>The guest powered off.</summary>
    PoweredOff,

    /// <summary>The guest reset, and <see cref="PartitionOptions.EndOnReset"/> is set.</summary>
    Reset,

    /// <summary>The guest reported a crash.</summary>
    Crashed,

    /// <summary>Ended from this side before the guest powered off.</summary>
    Terminated,

    /// <summary>The host could not go on.</summary>
    Failed,
}

/// <summary>How a partition ended.</summary>
/// <param name="End">Why.</param>
/// <param name="Detail">One line for people: what the guest reset by, how it crashed, or why the host failed.</param>
public sealed record PartitionResult(PartitionEnd End, string Detail = "");
