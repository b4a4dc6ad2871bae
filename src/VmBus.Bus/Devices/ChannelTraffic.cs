namespace VmBus.Bus.Devices;

/// <summary>What a device has moved over one channel since it was opened.</summary>
/// <param name="Operations">Its own unit of work: commands started, or frames of both directions.</param>
/// <param name="BytesIn">Bytes of data from the guest.</param>
/// <param name="BytesOut">Bytes of data to the guest.</param>
public readonly record struct ChannelTraffic(long Operations, long BytesIn, long BytesOut)
{
    /// <summary>Operations whose time was taken; null when the device takes none.</summary>
    public long? Timed { get; init; }

    /// <summary>The sum of their times, from the guest's request taken to its answer made.</summary>
    public TimeSpan TimedSum { get; init; }
}
