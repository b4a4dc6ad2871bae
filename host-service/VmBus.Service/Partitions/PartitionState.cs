namespace VmBus.Service.Partitions;

/// <summary>How a defined partition stands. Source: protocol-spec/service.md#partitionstatus.</summary>
internal enum PartitionState
{
    /// <summary>It has no worker.</summary>
    Off,

    /// <summary>Its worker does not answer yet.</summary>
    Starting,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>Its end was asked for.</summary>
    Stopping,

    /// <summary>It has ended and waits for its restart.</summary>
    Restarting,
}
