namespace VmBus.Providers.Network;

/// <summary>The counters of one channel: its lane writes, any thread reads.</summary>
internal sealed class QueueCounters
{
    public long FramesSent;
    public long BytesSent;
    public long FramesReceived;
    public long BytesReceived;
    public long SendDropped;
    public long Refused;
    public long LargeSends;
    public long Coalesced;
    public long ReceiveDropped;
    public long NoSections;
    public long ReceivePackets;

    public NetworkCounters Read(bool open) => new()
    {
        FramesSent = Volatile.Read(ref FramesSent),
        BytesSent = Volatile.Read(ref BytesSent),
        FramesReceived = Volatile.Read(ref FramesReceived),
        BytesReceived = Volatile.Read(ref BytesReceived),
        SendDropped = Volatile.Read(ref SendDropped),
        Refused = Volatile.Read(ref Refused),
        LargeSends = Volatile.Read(ref LargeSends),
        Coalesced = Volatile.Read(ref Coalesced),
        ReceiveDropped = Volatile.Read(ref ReceiveDropped),
        NoSections = Volatile.Read(ref NoSections),
        ReceivePackets = Volatile.Read(ref ReceivePackets),
        OpenChannels = open ? 1 : 0,
    };
}
