using VmBus.Bus.Devices;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Ring;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Integration;
using VmBus.Providers.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests;

/// <summary>What a device makes of a packet of the guest's, with a sound endpoint to ask.</summary>
internal delegate PacketVerdict Taking(IChannelEndpoint sound, in RingPacket packet);

/// <summary>A device whose channels are opened in another way than its own.</summary>
internal sealed class TamperedDevice(ChannelOffer offer, Func<OpenChannel, IChannelEndpoint?> open) : IChannelDevice
{
    public ChannelOffer Offer => offer;

    public IChannelEndpoint? Open(OpenChannel channel) => open(channel);
}

/// <summary>A sound endpoint that takes packets as a test says.</summary>
internal sealed class TamperedEndpoint(IChannelEndpoint sound, Taking take) : IChannelEndpoint
{
    public PacketVerdict Receive(in RingPacket packet) => take(sound, packet);

    public void EndBatch() => sound.EndBatch();

    public void Close() => sound.Close();
}

/// <summary>A channel of dynamic memory whose messages are others, more or fewer than the provider wrote.</summary>
internal sealed class TamperedMemoryChannel(OpenChannel channel, Func<byte[], byte[][]> edit) : IMemoryChannel
{
    private readonly MemoryChannel _sound = new(channel);

    public uint Id => _sound.Id;

    public bool TrySend(ReadOnlySpan<byte> message)
    {
        foreach (byte[] sent in edit(message.ToArray())) _ = _sound.TrySend(sent);
        return true;
    }

    public void Post(Action work) => _sound.Post(work);

    public void Closed() => _sound.Closed();
}

/// <summary>A channel of an integration service whose messages are others, more or fewer than the provider wrote.</summary>
internal sealed class TamperedIntegrationChannel(OpenChannel channel, Func<byte[], byte[][]> edit) : IIntegrationChannel
{
    private readonly IntegrationChannel _sound = new(channel);

    public uint Id => _sound.Id;

    public bool TrySend(ReadOnlySpan<byte> payload, ulong transactionId)
    {
        foreach (byte[] sent in edit(payload.ToArray())) _ = _sound.TrySend(sent, transactionId);
        return true;
    }

    public void Post(Action work) => _sound.Post(work);

    public void Closed() => _sound.Closed();
}

/// <summary>A packet that a network adapter is about to write; a test changes it.</summary>
internal sealed class AdapterPacket
{
    public required PacketType Type { get; init; }

    public required byte[] Header { get; init; }

    public required byte[] Payload { get; set; }

    public required ulong Id { get; set; }

    /// <summary>The RNDIS message of a packet with one range, where it lies in the guest's memory; empty for others.</summary>
    public required byte[] Rndis { get; init; }
}

/// <summary>A channel of a network adapter whose packets a test changes before the guest sees them.</summary>
internal sealed class TamperedNetworkChannel(OpenChannel channel, ILink link, Action<AdapterPacket> edit, bool keepsBuffers) : INetworkChannel
{
    private readonly NetworkChannel _sound = new(channel, link);
    private GuestRegion? _receive;

    public uint Id => _sound.Id;

    public int Index => _sound.Index;

    public GuestMemory Memory => _sound.Memory;

    public bool ExpectsCompletions
    {
        set => _sound.ExpectsCompletions = value;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        bool isReply = type == PacketType.DataUsingTransferPages && header.Length == 16 && _receive is not null;
        byte[] rndis = new byte[isReply ? ReadInt32LittleEndian(header[8..]) : 0];
        int offset = isReply ? ReadInt32LittleEndian(header[12..]) : 0;
        if (isReply) _ = _receive!.TryRead(offset, rndis);
        var packet = new AdapterPacket { Type = type, Header = header.ToArray(), Payload = payload.ToArray(), Id = transactionId, Rndis = rndis };
        edit(packet);
        if (isReply) _ = _receive!.TryWrite(offset, rndis);
        return _sound.TrySend(type, packet.Header, packet.Payload, packet.Id, flags);
    }

    public void Resume() => _sound.Resume();

    public bool TrySettle(bool seal) => _sound.TrySettle(seal);

    public void OfferSubchannels(int count) => _sound.OfferSubchannels(count);

    public bool TryTakeBuffer(uint gpadl, IBufferHolder holder) => _sound.TryTakeBuffer(gpadl, new Holder(this, holder));

    public void Fail(string reason) => _sound.Fail(reason);

    public ILinkQueue? OpenQueue(IFrameReceiver receiver) => _sound.OpenQueue(receiver);

    public void Post(Action work) => _sound.Post(work);

    public void Closed() => _sound.Closed();

    private sealed class Holder(TamperedNetworkChannel owner, IBufferHolder holder) : IBufferHolder
    {
        public void BufferTaken(INetworkBuffer? buffer)
        {
            // The receive buffer comes first.
            owner._receive ??= buffer?.Memory;
            holder.BufferTaken(buffer is null ? null : new Buffer(owner, buffer));
        }

        public void BufferWanted() => holder.BufferWanted();
    }

    private sealed class Buffer(TamperedNetworkChannel owner, INetworkBuffer buffer) : INetworkBuffer
    {
        public GuestRegion Memory => buffer.Memory;

        public void Release()
        {
            if (!owner.KeepsBuffers) buffer.Release();
        }
    }

    private bool KeepsBuffers => keepsBuffers;
}

/// <summary>A link that takes no word of what the guest wants: every frame comes.</summary>
internal sealed class FilterlessLink(ILink inner) : ILink
{
    private static readonly FrameFilter Everything = new(default, FrameKinds.Everything);

    public string Name => inner.Name;

    public LinkTraits Traits => inner.Traits;

    public bool IsUp => inner.IsUp;

    public FrameCapture? Capture
    {
        get => inner.Capture;
        set => inner.Capture = value;
    }

    public event Action? Changed
    {
        add => inner.Changed += value;
        remove => inner.Changed -= value;
    }

    public ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver) => inner.OpenQueue(lane, receiver);

    public void SetReceiveOffloads(LinkOffloads offloads) => inner.SetReceiveOffloads(offloads);

    public void SetFilter(FrameFilter filter) => inner.SetFilter(Everything);

    public void Dispose() => inner.Dispose();
}

/// <summary>All of a test guest's RAM as memory that can be given back; nothing can be added.</summary>
internal sealed class WholeMemory(GuestMemory memory) : IMemorySource
{
    public long StartBytes => (long)memory.Bytes;

    public long MaximumBytes => (long)memory.Bytes;

    public long AddedBytes => 0;

    public bool TryGetIndex(PageRun pages, out long index)
    {
        index = (long)pages.FirstPage;
        return memory.Contains(Gpa.FromPage(pages.FirstPage), (ulong)pages.PageCount * Gpa.PageBytes);
    }

    public PageRun PagesAt(long index, int count) => new((ulong)index, count);

    public void Discard(PageRun pages) => _ = memory.TryDiscard(Gpa.FromPage(pages.FirstPage), (ulong)pages.PageCount * Gpa.PageBytes);

    public PageRun? TryAdd(long bytes) => null;

    public void Take(long bytes)
    {
    }
}
