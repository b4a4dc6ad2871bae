namespace VmBus.Bus.Channels;

/// <summary>How the guest's connection to the bus stands. Source: protocol-spec/channel.md#connection-states.</summary>
internal enum ConnectionState
{
    /// <summary>The guest has made no contact, or has ended it.</summary>
    Unconnected,

    /// <summary>A version is agreed on.</summary>
    Connected,

    /// <summary>The guest has had the offers, and hears of every device that comes.</summary>
    Offered,

    /// <summary>The guest wants no messages.</summary>
    Paused,

    /// <summary>Devices still stop; then what the last contact, UNLOAD or reset asked for is done.</summary>
    Disconnecting,
}
