namespace VmBus.Bus.Devices;

/// <summary>What a device has moved over one channel since it was opened.</summary>
/// <param name="Operations">Its own unit of work: commands started, or frames of both directions.</param>
/// <param name="BytesIn">Bytes of data from the guest.</param>
/// <param name="BytesOut">Bytes of data to the guest.</param>
public readonly record struct ChannelTraffic(long Operations, long BytesIn, long BytesOut);
