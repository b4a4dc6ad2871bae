namespace VmBus.Providers.Network;

/// <summary>What an adapter, or one of its channels, has done since it was made or opened.</summary>
public readonly record struct NetworkCounters
{
    /// <summary>Frames from the guest that the link took.</summary>
    public long FramesSent { get; init; }

    /// <summary>Their bytes.</summary>
    public long BytesSent { get; init; }

    /// <summary>Frames given to the guest.</summary>
    public long FramesReceived { get; init; }

    /// <summary>Their bytes.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Frames from the guest that the link dropped, or that there was no link for.</summary>
    public long SendDropped { get; init; }

    /// <summary>Messages and requests of the guest that were malformed or did not fit the state.</summary>
    public long Refused { get; init; }

    /// <summary>Frames of these that the link cuts into segments.</summary>
    public long LargeSends { get; init; }

    /// <summary>Frames to the guest that were longer than a section.</summary>
    public long Coalesced { get; init; }

    /// <summary>Frames dropped because the guest did not empty its ring, or cannot take them.</summary>
    public long ReceiveDropped { get; init; }

    /// <summary>Times that receiving stopped because the guest had all sections.</summary>
    public long NoSections { get; init; }

    /// <summary>Packets that carried frames to the guest.</summary>
    public long ReceivePackets { get; init; }

    /// <summary>Channels that are open now.</summary>
    public int OpenChannels { get; init; }

    /// <summary>The sum, field by field.</summary>
    public static NetworkCounters operator +(NetworkCounters left, NetworkCounters right) => new()
    {
        FramesSent = left.FramesSent + right.FramesSent,
        BytesSent = left.BytesSent + right.BytesSent,
        FramesReceived = left.FramesReceived + right.FramesReceived,
        BytesReceived = left.BytesReceived + right.BytesReceived,
        SendDropped = left.SendDropped + right.SendDropped,
        Refused = left.Refused + right.Refused,
        LargeSends = left.LargeSends + right.LargeSends,
        Coalesced = left.Coalesced + right.Coalesced,
        ReceiveDropped = left.ReceiveDropped + right.ReceiveDropped,
        NoSections = left.NoSections + right.NoSections,
        ReceivePackets = left.ReceivePackets + right.ReceivePackets,
        OpenChannels = left.OpenChannels + right.OpenChannels,
    };

    /// <summary>The sum, field by field.</summary>
    public static NetworkCounters Add(NetworkCounters left, NetworkCounters right) => left + right;
}
