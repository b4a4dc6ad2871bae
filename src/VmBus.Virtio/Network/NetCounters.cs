namespace VmBus.Virtio.Network;

/// <summary>What one pair of queues has done.</summary>
/// <param name="FramesSent">Frames the link took.</param>
/// <param name="SendDropped">Frames it did not take, or that made no sense.</param>
/// <param name="FramesReceived">Frames given to the driver.</param>
/// <param name="ReceiveDropped">Frames that no buffer was right for, or of a VLAN that the driver does not want.</param>
/// <param name="BytesSent">Bytes of the frames sent.</param>
/// <param name="BytesReceived">Bytes of the frames received.</param>
public readonly record struct NetCounters(
    long FramesSent, long SendDropped, long FramesReceived, long ReceiveDropped, long BytesSent, long BytesReceived);
