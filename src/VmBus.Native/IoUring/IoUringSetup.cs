namespace VmBus.Native.IoUring;

/// <summary>How a ring is set up. Values are the kernel's. Source: io_uring_setup(2).</summary>
[Flags]
public enum IoUringSetup : uint
{
    /// <summary>Kernel defaults.</summary>
    None = 0,

    /// <summary>The completion queue's size is given.</summary>
    CompletionSize = 1 << 3,

    /// <summary>Sizes beyond the kernel's limits are lowered instead of refused.</summary>
    Clamp = 1 << 4,

    /// <summary>One bad entry does not hold back those behind it.</summary>
    SubmitAll = 1 << 7,

    /// <summary>Completions do not interrupt the thread; they wait for its next transition to the kernel.</summary>
    CooperativeTaskRun = 1 << 8,

    /// <summary>The kernel raises a flag in shared memory while completions wait for <see cref="IoUring.Enter"/>.</summary>
    TaskRunFlag = 1 << 9,

    /// <summary>Only the creating thread enters the ring.</summary>
    SingleIssuer = 1 << 12,

    /// <summary>Completions are worked out only when the thread asks for them. Needs <see cref="SingleIssuer"/>.</summary>
    DeferTaskRun = 1 << 13,
}
