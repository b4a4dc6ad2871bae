using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What a network adapter or one of its queues has done.</summary>
/// <param name="FramesSent">Frames from the guest that the link took.</param>
/// <param name="BytesSent">Their bytes.</param>
/// <param name="FramesReceived">Frames given to the guest.</param>
/// <param name="BytesReceived">Their bytes.</param>
/// <param name="SendDropped">Frames from the guest that were dropped.</param>
/// <param name="ReceiveDropped">Frames dropped because the guest takes none.</param>
/// <param name="Refused">Messages of the guest that were malformed.</param>
public sealed record NicTraffic(
    long FramesSent,
    long BytesSent,
    long FramesReceived,
    long BytesReceived,
    long SendDropped,
    long ReceiveDropped,
    long Refused) : IControlValue<NicTraffic>
{
    /// <inheritdoc/>
    public static NicTraffic Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new NicTraffic(
            map.Int64("frames_sent"),
            map.Int64("bytes_sent"),
            map.Int64("frames_received"),
            map.Int64("bytes_received"),
            map.Int64("send_dropped"),
            map.Int64("receive_dropped"),
            map.Int64("refused"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(7);
        writer.Pair("frames_sent", FramesSent);
        writer.Pair("bytes_sent", BytesSent);
        writer.Pair("frames_received", FramesReceived);
        writer.Pair("bytes_received", BytesReceived);
        writer.Pair("send_dropped", SendDropped);
        writer.Pair("receive_dropped", ReceiveDropped);
        writer.Pair("refused", Refused);
    }
}
