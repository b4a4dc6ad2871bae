namespace VmBus.Network.Links;

/// <summary>Counts what a queue does, for whoever makes a kind of link. One lane at a time.</summary>
public sealed class QueueTally
{
    /// <summary>Frames the other end took.</summary>
    public long FramesSent { get; private set; }

    /// <summary>Their bytes, without headers of the link.</summary>
    public long BytesSent { get; private set; }

    /// <summary>Frames given to the adapter.</summary>
    public long FramesReceived { get; private set; }

    /// <summary>Their bytes.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>Frames dropped because the other end did not take them.</summary>
    public long SendQueueFull { get; set; }

    /// <summary>Frames dropped because the link failed or refused them.</summary>
    public long SendFailed { get; set; }

    /// <summary>Frames dropped because the adapter does not want them, or cannot take them unfinished.</summary>
    public long ReceiveFiltered { get; set; }

    /// <summary>Frames dropped because they did not fit into a buffer.</summary>
    public long ReceiveTooLong { get; set; }

    /// <summary>All of them.</summary>
    public LinkQueueCounters Counters =>
        new(FramesSent, BytesSent, FramesReceived, BytesReceived, SendQueueFull, SendFailed, ReceiveFiltered, ReceiveTooLong);

    /// <summary>The other end has taken a frame.</summary>
    public void Sent(long bytes)
    {
        FramesSent++;
        BytesSent += bytes;
    }

    /// <summary>A frame was given to the adapter.</summary>
    public void Received(long bytes)
    {
        FramesReceived++;
        BytesReceived += bytes;
    }
}
