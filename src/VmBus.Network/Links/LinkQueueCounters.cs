namespace VmBus.Network.Links;

/// <summary>What one queue of a link has done; a consistent set only on its lane.</summary>
/// <param name="FramesSent">Frames the other end took.</param>
/// <param name="BytesSent">Their bytes, without headers of the link.</param>
/// <param name="FramesReceived">Frames given to the adapter.</param>
/// <param name="BytesReceived">Their bytes.</param>
/// <param name="SendQueueFull">Frames dropped because the other end did not take them.</param>
/// <param name="SendFailed">Frames dropped because the link failed or refused them.</param>
/// <param name="ReceiveFiltered">Frames dropped because the adapter does not want them, or cannot take them unfinished.</param>
/// <param name="ReceiveTooLong">Frames dropped because they did not fit into a buffer.</param>
public readonly record struct LinkQueueCounters(
    long FramesSent, long BytesSent, long FramesReceived, long BytesReceived, long SendQueueFull, long SendFailed, long ReceiveFiltered,
    long ReceiveTooLong);
