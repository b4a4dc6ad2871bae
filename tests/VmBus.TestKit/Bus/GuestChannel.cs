using VmBus.Client.Channels;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;

namespace VmBus.TestKit.Bus;

/// <summary>A channel of a <see cref="FakeGuest"/>: a <see cref="ClientChannel"/> that sends and receives packet by packet.</summary>
public sealed class GuestChannel : IDisposable
{
    private readonly FakeGuest _guest;

    internal GuestChannel(FakeGuest guest, ClientChannel channel)
    {
        _guest = guest;
        Channel = channel;
        Ring = new RingPeer(guest.Memory, [channel.Pages], channel.PagesPerRing, channel.Rings);
    }

    /// <summary>The channel.</summary>
    public ClientChannel Channel { get; }

    /// <summary>What the host offered.</summary>
    public OfferChannel Offer => Channel.Offer;

    /// <summary>The channel id.</summary>
    public uint Id => Channel.Id;

    /// <summary>The rings' memory.</summary>
    public uint GpadlId => Channel.GpadlId;

    /// <summary>Pages of each ring.</summary>
    public int PagesPerRing => Channel.PagesPerRing;

    /// <summary>The processor to interrupt.</summary>
    public uint Processor
    {
        get => Channel.Processor;
        set => Channel.Processor = value;
    }

    /// <summary>What the guest signals on.</summary>
    public uint ConnectionId
    {
        get => Channel.ConnectionId;
        set => Channel.ConnectionId = value;
    }

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
        if (!Channel.Signal()) throw new InvalidOperationException($"Nothing is bound to connection {ConnectionId:x}.");
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
