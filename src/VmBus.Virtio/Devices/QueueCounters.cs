namespace VmBus.Virtio.Devices;

/// <summary>What a queue has done.</summary>
/// <param name="Turns">Times that it was looked at.</param>
/// <param name="Chains">Requests that were completed.</param>
/// <param name="Kicks">Kicks of the driver that woke the lane.</param>
/// <param name="Signals">Times that the driver was signalled.</param>
public readonly record struct QueueCounters(long Turns, long Chains, long Kicks, long Signals);
