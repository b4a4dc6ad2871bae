using VmBus.Bus.Channels;
using VmBus.Bus.Serving;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;

namespace VmBus.Bus.Devices;

/// <summary>A channel while the guest has it open: what the bus gives to an endpoint. Used on the channel's lane only.</summary>
public sealed class OpenChannel
{
    private readonly ChannelStart _start;
    private readonly ChannelPump _pump;
    private readonly IPumpOwner _owner;

    internal OpenChannel(ChannelStart start, ChannelPump pump, IPumpOwner owner, GuestMemory memory)
    {
        _start = start;
        _pump = pump;
        _owner = owner;
        Memory = memory;
    }

    /// <summary>The channel id (relid), for logs.</summary>
    public uint Id => _start.ChannelId;

    /// <summary>0 for the primary channel, 1 and up for sub-channels.</summary>
    public int SubchannelIndex => _start.SubchannelIndex;

    /// <summary>The lane that runs this channel.</summary>
    public Lane Lane => _pump.Lane;

    /// <summary>The guest's RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The virtual processor that the guest wants interrupted; 0xFFFFFFFF for none.</summary>
    public uint TargetProcessor => _pump.TargetProcessor;

    /// <summary>The 120 bytes the guest gave with the open.</summary>
    public ReadOnlyMemory<byte> UserData => _start.UserData;

    /// <summary>
    /// Tells the bus whether completions are coming that will look at the ring anyway: while true, the guest is asked not to signal new
    /// packets, which saves it an exit for each. Whoever sets it true sees to it that <see cref="Touch"/> is called.
    /// </summary>
    public bool ExpectsCompletions
    {
        get => _pump.ExpectsCompletions;
        set => _pump.ExpectsCompletions = value;
    }

    /// <summary>
    /// Answers a request, or sends a packet of the device's own. Collected; the bus publishes the batch and signals the guest once,
    /// after <see cref="IChannelEndpoint.EndBatch"/> or at the end of the lane's turn.
    /// </summary>
    /// <remarks>
    /// After <see cref="IChannelEndpoint.Close"/> it is always true: what does not fit then, or comes after a violation, is dropped.
    /// </remarks>
    /// <returns>
    /// False when the guest does not empty its ring: the packet was not sent; <see cref="IChannelEndpoint.EndBatch"/> is called when there is
    /// space again.
    /// </returns>
    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags = 0)
        => _pump.TrySend(type, header, payload, transactionId, flags);

    /// <summary>Delivers the packets that were left in the ring by <see cref="PacketVerdict.Busy"/>, in a turn of their own.</summary>
    public void Resume() => _pump.Resume();

    /// <summary>Makes the bus look at the ring and publish answers in this turn: called from I/O completions.</summary>
    public void Touch() => _pump.Touch();

    /// <summary>
    /// Brings the rings to rest before the channel ends: a sealed ring is full to the guest, though its packets are taken and answered as before, so no more
    /// come than it is writing already. To be repeated: what comes behind a seal has no signal.
    /// </summary>
    /// <param name="seal">Whether to seal the ring from the guest, or to open it again.</param>
    /// <returns>Whether it is sealed, nothing in it is left to take, and the guest has taken everything that was sent to it.</returns>
    public bool TrySettle(bool seal) => _pump.TrySettle(seal);

    /// <summary>
    /// Offers <paramref name="count"/> sub-channels of this device (in place of those asked for before). They go when this channel closes.
    /// </summary>
    public void OfferSubchannels(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (SubchannelIndex != 0) throw new InvalidOperationException("Only a primary channel has sub-channels.");
        _owner.SubchannelsWanted(Id, count);
    }

    /// <summary>
    /// Asks for memory that the guest has described for this channel beside its rings (the buffers of a network device), by the handle that
    /// the device's own protocol carries. <paramref name="holder"/> gets the answer later, on this lane.
    /// </summary>
    /// <returns>
    /// False, without an answer, when this handle is asked for or held already, the device asks for more than 16, or the channel closes.
    /// </returns>
    public bool TryTakeGpadl(uint gpadlId, IGpadlHolder holder) => _pump.Gpadls.TryTake(gpadlId, holder);

    /// <summary>Closes the channel for a reason that is the guest's fault: reported once, the offer is rescinded.</summary>
    public void Fail(string reason) => _pump.Fail(reason);

    /// <summary>Says that the endpoint has stopped after <see cref="IChannelEndpoint.Close"/>: nothing of it touches guest memory any more.</summary>
    public void Closed() => _pump.Closed();
}
