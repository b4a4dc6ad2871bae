using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;

namespace VmBus.Memory.Tests.Rings;

/// <summary>A guest's end and the host's end of one channel, over the same pages.</summary>
internal sealed class RingPair : IDisposable
{
    private readonly RingMapping _outbound;
    private readonly RingMapping _inbound;

    internal RingPair(int pagesPerRing = 2, int maximumPacketBytes = 4096, Action<RingPeer>? beforeHost = null)
    {
        Guest = RingPeer.Create(pagesPerRing);
        beforeHost?.Invoke(Guest);
        _outbound = Guest.MapOutboundForHost();
        _inbound = Guest.MapInboundForHost();
        Reader = new RingReader(_outbound, maximumPacketBytes);
        Writer = new RingWriter(_inbound);
    }

    internal RingPeer Guest { get; }

    /// <summary>The host's consuming end: guest to host.</summary>
    internal RingReader Reader { get; }

    /// <summary>The host's producing end: host to guest.</summary>
    internal RingWriter Writer { get; }

    internal RingControl Outbound => _outbound.ReadControl();

    internal RingControl Inbound => _inbound.ReadControl();

    internal int DataBytes => _outbound.DataBytes;

    public void Dispose()
    {
        _outbound.Dispose();
        _inbound.Dispose();
        Guest.Dispose();
    }

    /// <summary>Moves both indices of the guest to host ring, as if that much had been sent and read: before the host maps it.</summary>
    internal static Action<RingPeer> StartAt(uint index) => guest =>
    {
        guest.PokeOutbound(RingControlPage.WriteIndex, index);
        guest.PokeOutbound(RingControlPage.ReadIndex, index);
        guest.PokeInbound(RingControlPage.WriteIndex, index);
        guest.PokeInbound(RingControlPage.ReadIndex, index);
    };

    /// <summary>Reads one packet as the host does.</summary>
    internal RingStatus Read(out ReceivedPacket? packet)
    {
        RingStatus status = Reader.TryRead(out RingPacket read);
        packet = status == RingStatus.Ok ? ReceivedPacket.From(read) : null;
        return status;
    }

    internal RingStatus Write(int payloadBytes, ulong transactionId = 0)
        => Writer.TryWrite(PacketType.DataInband, [], new byte[payloadBytes], transactionId, 0);
}
