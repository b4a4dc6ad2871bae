namespace VmBus.Bus.Devices;

/// <summary>An endpoint that counts what it moves.</summary>
public interface IChannelMeter
{
    /// <summary>What it has moved. Any thread, also after the channel has closed; each number is whole.</summary>
    ChannelTraffic Traffic { get; }
}
