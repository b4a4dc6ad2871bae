namespace VmBus.Lanes;

/// <summary>What carries a lane's waiting and its I/O.</summary>
public enum LaneEngineKind
{
    /// <summary>io_uring where the kernel allows it, else epoll.</summary>
    Automatic,

    /// <summary>io_uring only.</summary>
    IoUring,

    /// <summary>epoll, and blocking threads for file I/O.</summary>
    Epoll,
}

/// <summary>How a lane is made.</summary>
public sealed record LaneOptions
{
    /// <summary>Which engine.</summary>
    public LaneEngineKind Engine { get; init; }

    /// <summary>Most operations in flight; their slots exist from the start.</summary>
    public int OperationSlots { get; init; } = 1024;

    /// <summary>For how long handlers may look for more before the lane sleeps.</summary>
    public TimeSpan PollTime { get; init; }

    /// <summary>What happens when an exception reaches the top of the lane; null ends the process.</summary>
    /// <remarks>For tests of the lane itself: a host that goes on with a dead lane hangs its guest.</remarks>
    public Action<Exception>? OnFailure { get; init; }
}
