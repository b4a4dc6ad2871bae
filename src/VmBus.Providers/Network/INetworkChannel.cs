using VmBus.Memory.Guest;
using VmBus.Network.Links;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>
/// What an endpoint needs of its channel and of the link behind it: the open channel in a running partition, a script in tests. Used on the
/// channel's lane, except <see cref="Post"/>.
/// </summary>
internal interface INetworkChannel
{
    /// <summary>The channel id, for logs.</summary>
    uint Id { get; }

    /// <summary>0 for the primary channel.</summary>
    int Index { get; }

    /// <summary>The guest's RAM.</summary>
    GuestMemory Memory { get; }

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.ExpectsCompletions"/>.</summary>
    bool ExpectsCompletions { set; }

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.TrySend"/>.</summary>
    bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags);

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.Resume"/>.</summary>
    void Resume();

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.TrySettle"/>.</summary>
    bool TrySettle(bool seal);

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.OfferSubchannels"/>.</summary>
    void OfferSubchannels(int count);

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.TryTakeGpadl"/>.</summary>
    bool TryTakeBuffer(uint gpadl, IBufferHolder holder);

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.Fail"/>.</summary>
    void Fail(string reason);

    /// <summary>Opens this lane's way to the link; null when it has no more.</summary>
    ILinkQueue? OpenQueue(IFrameReceiver receiver);

    /// <summary>Runs control work on the lane, later. Any thread.</summary>
    void Post(Action work);

    /// <summary>The endpoint has stopped.</summary>
    void Closed();
}

/// <summary>Memory that the guest gave for frames.</summary>
internal interface INetworkBuffer
{
    /// <summary>The bytes.</summary>
    GuestRegion Memory { get; }

    /// <summary>Nothing touches it any more. On the primary channel's lane.</summary>
    void Release();
}

/// <summary>Who has asked for a buffer.</summary>
internal interface IBufferHolder
{
    /// <summary>The answer; null when there is none to be had.</summary>
    void BufferTaken(INetworkBuffer? buffer);

    /// <summary>The guest asks for it back without having revoked it.</summary>
    void BufferWanted();
}
