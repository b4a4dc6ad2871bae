namespace VmBus.Providers.DynamicMemory;

/// <summary>What an endpoint needs of its channel: the open channel in a running partition, a script in tests. Used on the channel's lane, except <see cref="Post"/>.</summary>
internal interface IMemoryChannel
{
    /// <summary>The channel id, for logs.</summary>
    uint Id { get; }

    /// <summary>Sends an in-band packet. See <see cref="VmBus.Bus.Devices.OpenChannel.TrySend"/>.</summary>
    bool TrySend(ReadOnlySpan<byte> message);

    /// <summary>Runs work on the lane, later. Any thread.</summary>
    void Post(Action work);

    /// <summary>The endpoint has stopped.</summary>
    void Closed();
}
