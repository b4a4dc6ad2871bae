using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Channels;

/// <summary>One channel: its rings, and the signals that a guest sends and waits for.</summary>
/// <remarks>
/// Packets belong to one thread; <see cref="VmBusClient"/>, on its own thread, opens and closes. Packets in both directions run ahead privately:
/// <see cref="Flush"/> publishes what was written, <see cref="Release"/> gives back the space of what was read. Allocates nothing.
/// </remarks>
public sealed class ClientChannel : IPacketChannel
{
    private readonly IClientTransport _transport;
    private volatile bool _isRescinded;

    internal ClientChannel(IClientTransport transport, OfferChannel offer, uint gpadlId, PageRun pages, int pagesPerRing, ChannelRings rings)
    {
        _transport = transport;
        Offer = offer;
        GpadlId = gpadlId;
        Pages = pages;
        PagesPerRing = pagesPerRing;
        Rings = rings;
        ConnectionId = offer.ConnectionId;
    }

    /// <summary>What the host offered.</summary>
    public OfferChannel Offer { get; }

    /// <summary>The channel id (relid); also the event flag that the host raises.</summary>
    public uint Id => Offer.ChannelId;

    /// <summary>The GPADL of the rings.</summary>
    public uint GpadlId { get; }

    /// <summary>The rings' memory.</summary>
    public PageRun Pages { get; }

    /// <summary>Pages of each ring.</summary>
    public int PagesPerRing { get; }

    /// <summary>The rings.</summary>
    public ChannelRings Rings { get; }

    /// <summary>The virtual processor that the host interrupts.</summary>
    public uint Processor { get; set; }

    /// <summary>What the host is signalled on.</summary>
    public uint ConnectionId { get; set; }

    /// <summary>Where the channel stands.</summary>
    public ClientChannelState State { get; internal set; }

    /// <summary>Whether the host has taken it away. Any thread.</summary>
    public bool IsRescinded
    {
        get => _isRescinded;
        internal set => _isRescinded = value;
    }

    // A closed channel's rings are not mapped any more.
    private bool HasRings => State != ClientChannelState.Closed;

    /// <inheritdoc/>
    public RingStatus TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
        => HasRings ? Rings.Writer.TryWrite(type, header, payload, transactionId, flags) : RingStatus.Corrupt;

    /// <inheritdoc/>
    public void Flush()
    {
        if (HasRings && Rings.Writer.Commit()) Signal();
    }

    /// <inheritdoc/>
    public RingStatus TryReceive(out RingPacket packet)
    {
        packet = default;
        return HasRings ? Rings.Reader.TryRead(out packet) : RingStatus.Corrupt;
    }

    /// <inheritdoc/>
    public void Release()
    {
        if (HasRings && Rings.Reader.Commit()) Signal();
    }

    /// <summary>
    /// Waits for an interrupt, unless there is a packet already. Space in the outbound ring is signalled too, when
    /// <see cref="RingWriter.WaitForSpace"/> has asked for it.
    /// </summary>
    /// <returns>False when nothing came in time; then there may still be a packet that the host did not signal, which a sound host never does.</returns>
    public bool Wait(TimeSpan timeout)
    {
        if (!HasRings) return false;
        Release();
        bool came = Rings.Reader.UnmaskInterrupts() || _transport.WaitForInterrupt(Id, timeout);
        Rings.Reader.MaskInterrupts();
        return came;
    }

    /// <summary>Signals the host, asked or not.</summary>
    /// <returns>False when the host does not listen: it has closed the channel.</returns>
    public bool Signal() => _transport.Signal(ConnectionId);
}
