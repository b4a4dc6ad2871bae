namespace VmBus.Management.Verbs;

/// <summary>Names of the events that a service has beside those of its partitions. Source: protocol-spec/service.md#events.</summary>
public static class ServiceEventName
{
    /// <summary>A partition is defined, or defined anew.</summary>
    public const string Defined = "partition.defined";

    /// <summary>A partition is not defined any more.</summary>
    public const string Undefined = "partition.undefined";

    /// <summary>A partition has ended, and is started again after a time.</summary>
    public const string Restarting = "partition.restarting";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Defined, Undefined, Restarting];
}
