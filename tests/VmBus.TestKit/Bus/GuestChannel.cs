using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;

namespace VmBus.TestKit.Bus;

/// <summary>A channel of a <see cref="FakeGuest"/>: the rings, and the signals that a guest sends and waits for.</summary>
public sealed class GuestChannel : IDisposable
{
    private readonly FakeGuest _guest;

    internal GuestChannel(FakeGuest guest, OfferChannel offer, uint gpadlId, PageRun pages, int pagesPerRing, uint processor)
    {
        _guest = guest;
        Offer = offer;
        GpadlId = gpadlId;
        Processor = processor;
        PagesPerRing = pagesPerRing;
        ConnectionId = offer.ConnectionId;
        Ring = new RingPeer(guest.Memory, [pages], pagesPerRing);
    }

    /// <summary>What the host offered.</summary>
    public OfferChannel Offer { get; }

    /// <summary>The channel id.</summary>
    public uint Id => Offer.ChannelId;

    /// <summary>The rings' memory.</summary>
    public uint GpadlId { get; }

    /// <summary>Pages of each ring.</summary>
    public int PagesPerRing { get; }

    /// <summary>The processor to interrupt.</summary>
    public uint Processor { get; set; }

    /// <summary>What the guest signals on.</summary>
    public uint ConnectionId { get; set; }

    /// <summary>Both rings.</summary>
    public RingPeer Ring { get; }

    /// <summary>Sends a packet and signals the host if it asks for it.</summary>
    public void Send(
        PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags = PacketDescriptor.CompletionRequested)
    {
        if (Ring.Send(type, header, payload, transactionId, flags)) Kick();
    }

    /// <summary>Sends an in-band packet and signals the host if it asks for it.</summary>
    public void Send(ReadOnlySpan<byte> payload, ulong transactionId = 1) => Send(PacketType.DataInband, [], payload, transactionId);

    /// <summary>Signals the host, asked or not.</summary>
    public void Kick()
    {
        if (!_guest.Ports.Kick(ConnectionId)) throw new InvalidOperationException($"Nothing is bound to connection {ConnectionId:x}.");
    }

    /// <summary>The next packet from the host. Looks at the ring only after an interrupt, or when packets are left: a lost interrupt shows.</summary>
    public ReceivedPacket Receive()
    {
        while (true)
        {
            if (Ring.Receive(out bool signal) is { } packet)
            {
                if (signal) Kick();
                return packet;
            }

            if (!_guest.Ports.TakeInterrupt(Processor, Id, FakeGuest.Patience)) throw new TimeoutException($"Channel {Id} got no interrupt.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Ring.Dispose();
}
