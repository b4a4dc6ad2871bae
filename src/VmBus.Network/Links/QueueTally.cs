namespace VmBus.Network.Links;

/// <summary>Counts what a queue does. One lane at a time.</summary>
internal sealed class QueueTally
{
    internal long FramesSent { get; private set; }

    internal long BytesSent { get; private set; }

    internal long FramesReceived { get; private set; }

    internal long BytesReceived { get; private set; }

    internal long SendQueueFull { get; set; }

    internal long SendFailed { get; set; }

    internal long ReceiveFiltered { get; set; }

    internal long ReceiveTooLong { get; set; }

    internal LinkQueueCounters Counters =>
        new(FramesSent, BytesSent, FramesReceived, BytesReceived, SendQueueFull, SendFailed, ReceiveFiltered, ReceiveTooLong);

    internal void Sent(long bytes)
    {
        FramesSent++;
        BytesSent += bytes;
    }

    internal void Received(long bytes)
    {
        FramesReceived++;
        BytesReceived += bytes;
    }
}
