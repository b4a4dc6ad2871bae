using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Network.Links;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>An open channel and its lane's way to the link.</summary>
internal sealed class NetworkChannel(OpenChannel channel, ILink link) : INetworkChannel
{
    public uint Id => channel.Id;

    public int Index => channel.SubchannelIndex;

    public GuestMemory Memory => channel.Memory;

    public bool ExpectsCompletions
    {
        set => channel.ExpectsCompletions = value;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
        => channel.TrySend(type, header, payload, transactionId, flags);

    public void Resume() => channel.Resume();

    public bool TrySettle(bool seal) => channel.TrySettle(seal);

    public void OfferSubchannels(int count) => channel.OfferSubchannels(count);

    public bool TryTakeBuffer(uint gpadl, IBufferHolder holder) => channel.TryTakeGpadl(gpadl, new Holder(holder));

    public void Fail(string reason) => channel.Fail(reason);

    public ILinkQueue? OpenQueue(IFrameReceiver receiver) => link.OpenQueue(channel.Lane, receiver);

    public void Post(Action work) => channel.Lane.Post(work);

    public void Closed() => channel.Closed();

    private sealed class Holder(IBufferHolder owner) : IGpadlHolder
    {
        public void GpadlTaken(uint gpadlId, HeldGpadl? gpadl) => owner.BufferTaken(gpadl is null ? null : new Buffer(gpadl));

        public void GpadlWanted(HeldGpadl gpadl) => owner.BufferWanted();
    }

    private sealed class Buffer(HeldGpadl gpadl) : INetworkBuffer
    {
        public GuestRegion Memory => gpadl.Memory;

        public void Release() => gpadl.Release();
    }
}
