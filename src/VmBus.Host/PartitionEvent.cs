namespace VmBus.Host;

/// <summary>Something that has happened to a partition.</summary>
/// <param name="Time">When.</param>
public abstract record PartitionEvent(DateTimeOffset Time)
{
    /// <summary>The guest's machine runs, for the first time or after a reset.</summary>
    public sealed record Started(DateTimeOffset Time) : PartitionEvent(Time);

    /// <summary>The guest has reset.</summary>
    /// <param name="Time">When.</param>
    /// <param name="Source">By what, for people.</param>
    public sealed record Reset(DateTimeOffset Time, string Source) : PartitionEvent(Time);

    /// <summary>The guest has reported a crash.</summary>
    /// <param name="Time">When.</param>
    /// <param name="Report">What it said: one line, then the end of its log.</param>
    public sealed record Crashed(DateTimeOffset Time, string Report) : PartitionEvent(Time);

    /// <summary>The partition has ended; nothing comes after it.</summary>
    /// <param name="Time">When.</param>
    /// <param name="Result">How.</param>
    public sealed record Ended(DateTimeOffset Time, PartitionResult Result) : PartitionEvent(Time);

    /// <summary>The guest has opened a channel.</summary>
    /// <param name="Time">When.</param>
    /// <param name="ChannelId">The channel.</param>
    /// <param name="InterfaceType">What the device is.</param>
    /// <param name="SubchannelIndex">0 for the primary channel.</param>
    public sealed record ChannelOpened(DateTimeOffset Time, uint ChannelId, Guid InterfaceType, int SubchannelIndex) : PartitionEvent(Time);

    /// <summary>A channel is closed.</summary>
    /// <param name="Time">When.</param>
    /// <param name="ChannelId">The channel.</param>
    /// <param name="InterfaceType">What the device is.</param>
    /// <param name="SubchannelIndex">0 for the primary channel.</param>
    public sealed record ChannelClosed(DateTimeOffset Time, uint ChannelId, Guid InterfaceType, int SubchannelIndex) : PartitionEvent(Time);
}
