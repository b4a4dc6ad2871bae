using VmBus.Native.Linux;

namespace VmBus.Service.Workers;

/// <summary>A process that runs a partition.</summary>
/// <param name="process">The process.</param>
/// <param name="child">The same as this process's child, which is waited for; null when it is another's.</param>
/// <param name="gone">Done when the process has ended.</param>
/// <param name="startedMs">When it was started: milliseconds since 1970.</param>
internal sealed class Worker(RunningProcess process, SessionProcess? child, Task gone, long startedMs)
{
    /// <summary>The process.</summary>
    public RunningProcess Process { get; } = process;

    /// <summary>Done when the process has ended.</summary>
    public Task Gone { get; } = gone;

    /// <summary>When it was started: milliseconds since 1970.</summary>
    public long StartedMs { get; } = startedMs;

    /// <summary>True when the partition runs; false when the worker has ended before.</summary>
    public TaskCompletionSource<bool> Ready { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How it has ended, when everybody was told.</summary>
    public TaskCompletionSource<WorkerEnd> Over { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether somebody has asked for its end.</summary>
    public bool EndAsked { get; set; }

    /// <summary>Takes the exit status of the process, which has ended.</summary>
    /// <returns>Null when it is another's child, who gets it.</returns>
    public (int Status, int Signal)? Reap()
    {
        (int Status, int Signal)? status = child?.Reap();
        child?.End.Dispose();
        Process.Dispose();
        return status;
    }
}
