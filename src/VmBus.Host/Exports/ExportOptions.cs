namespace VmBus.Host.Exports;

/// <summary>How exports are served.</summary>
public sealed record ExportOptions
{
    /// <summary>Queues that each front-end may use.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>For how long a lane looks for more work before it sleeps, after work that came as quickly.</summary>
    public TimeSpan PollTime { get; init; }
}
