namespace VmBus.Memory.Rings;

/// <summary>A copy of a ring's control words at one moment, unchecked: for logs and tests.</summary>
/// <param name="WriteIndex">Where the producer writes next.</param>
/// <param name="ReadIndex">Where the consumer reads next.</param>
/// <param name="InterruptMask">Not 0: the consumer does not want signals.</param>
/// <param name="PendingSendSize">Not 0: the producer waits for this many free bytes.</param>
/// <param name="FeatureBits">What the guest supports.</param>
public readonly record struct RingControl(uint WriteIndex, uint ReadIndex, uint InterruptMask, uint PendingSendSize, uint FeatureBits);
