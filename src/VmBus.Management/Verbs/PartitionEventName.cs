namespace VmBus.Management.Verbs;

/// <summary>Names of the events of a partition. Source: protocol-spec/control.md#events.</summary>
public static class PartitionEventName
{
    /// <summary>The guest's machine runs, for the first time or after a reset.</summary>
    public const string Started = "partition.started";

    /// <summary>The guest has reset.</summary>
    public const string Reset = "partition.reset";

    /// <summary>The guest has reported a crash.</summary>
    public const string Crashed = "partition.crashed";

    /// <summary>The partition has ended; the last event.</summary>
    public const string Ended = "partition.ended";

    /// <summary>The guest has opened a channel.</summary>
    public const string ChannelOpened = "channel.opened";

    /// <summary>A channel is closed.</summary>
    public const string ChannelClosed = "channel.closed";

    /// <summary>The other end of a network adapter's link has gone, and whoever has opened the link for the partition is to open it again; the detail is the adapter as it was given.</summary>
    public const string LinkLost = "nic.lost";

    /// <summary>Events before this one were dropped because the client did not take them; the detail says how many.</summary>
    public const string Lost = "events.lost";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Started, Reset, Crashed, Ended, ChannelOpened, ChannelClosed, LinkLost, Lost];
}
