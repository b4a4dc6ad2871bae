using VmBus.Bus.Gpadls;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Channels;

/// <summary>
/// The channel protocol as a pure state machine: a message or a completion goes in, effects come out. No thread, no clock, no I/O;
/// one caller at a time. Nothing that a guest sends throws.
/// </summary>
/// <remarks>Source: protocol-spec/channel.md.</remarks>
internal sealed partial class ChannelServer(GuestMemory memory, ProtocolVersion maximumVersion, IChannelEffects effects)
{
    private readonly SortedDictionary<uint, ServerChannel> _channels = [];
    private readonly GpadlTable _gpadls = new(memory);
    private readonly long[] _refusals = new long[Enum.GetValues<Refusal>().Length];

    /// <summary>How many messages were refused for this reason since the start.</summary>
    public long RefusalCount(Refusal reason) => _refusals[(int)reason];

    /// <summary>Takes one message from the guest; a private copy.</summary>
    public void Receive(ReadOnlySpan<byte> message)
    {
        MessageVerdict verdict = MessageTable.Classify(message, Version, Features, out ServerBoundType type);
        if (verdict != MessageVerdict.Ok)
        {
            Refuse(RefusalFor(verdict), message);
            return;
        }

        if (_isPaused)
        {
            if (type is not (ServerBoundType.Resume or ServerBoundType.Unload or ServerBoundType.InitiateContact))
            {
                Refuse(Refusal.Paused, message);
                return;
            }

            Release();
        }

        Refusal? refusal = Dispatch(type, message);
        if (refusal is { } reason) Refuse(reason, message);
    }

    /// <summary>How channels and guest memory stand at this moment.</summary>
    public ConnectionSnapshot Capture() => new(
        State,
        [.. _channels.Values.Select(channel => new ChannelSnapshot(
            channel.Id,
            channel.Offer,
            channel.SubchannelIndex,
            channel.State,
            channel.IsRemoved,
            channel.After,
            channel.Reopen is not null,
            channel.Open?.Ring.Id,
            ConnectionOf(channel),
            channel.Open?.TargetProcessor))],
        [.. _gpadls.Complete.Select(gpadl => new GpadlSnapshot(gpadl.ChannelId, gpadl.Id, gpadl.IsInUse))]);

    // A switch over our own enumeration: a new server-bound message breaks the build here.
    private Refusal? Dispatch(ServerBoundType type, ReadOnlySpan<byte> message) => type switch
    {
        ServerBoundType.InitiateContact => InitiateContact.TryRead(message, out InitiateContact contact)
            ? OnInitiateContact(contact)
            : Refusal.BadLength,
        ServerBoundType.Unload => OnUnload(),
        ServerBoundType.RequestOffers => OnRequestOffers(),
        ServerBoundType.OpenChannel => OpenChannelRequest.TryRead(message, out OpenChannelRequest open) ? OnOpen(open) : Refusal.BadLength,
        ServerBoundType.CloseChannel => CloseChannel.TryRead(message, out CloseChannel close)
            ? OnClose(close.ChannelId)
            : Refusal.BadLength,
        ServerBoundType.GpadlHeader => GpadlHeader.TryRead(message, out GpadlHeader header)
            ? OnGpadlHeader(header, GpadlHeader.Ranges(message))
            : Refusal.BadLength,
        ServerBoundType.GpadlBody => GpadlBody.TryRead(message, out GpadlBody body)
            ? OnGpadlBody(body, GpadlBody.Ranges(message))
            : Refusal.BadLength,
        ServerBoundType.GpadlTeardown => GpadlTeardown.TryRead(message, out GpadlTeardown teardown)
            ? OnGpadlTeardown(teardown)
            : Refusal.BadLength,
        ServerBoundType.RelIdReleased => RelIdReleased.TryRead(message, out RelIdReleased released)
            ? OnRelIdReleased(released.ChannelId)
            : Refusal.BadLength,
        ServerBoundType.OpenReservedChannel => OpenReservedChannel.TryRead(message, out OpenReservedChannel reserved)
            ? OnOpenReserved(reserved)
            : Refusal.BadLength,
        ServerBoundType.CloseReservedChannel => CloseReservedChannel.TryRead(message, out CloseReservedChannel end)
            ? OnCloseReserved(end.ChannelId)
            : Refusal.BadLength,
        ServerBoundType.TlConnectRequest => TlConnectRequest.TryRead(message, out TlConnectRequest connect)
            ? OnTlConnect(connect)
            : Refusal.BadLength,
        ServerBoundType.ModifyChannel => ModifyChannel.TryRead(message, out ModifyChannel modify) ? OnModify(modify) : Refusal.BadLength,
        ServerBoundType.ModifyConnection => ModifyConnection.TryRead(message, out ModifyConnection pages)
            ? OnModifyConnection(pages)
            : Refusal.BadLength,
        ServerBoundType.Pause => OnPause(),
        ServerBoundType.Resume => null,
    };

    private static Refusal RefusalFor(MessageVerdict verdict) => verdict switch
    {
        MessageVerdict.Ok => throw new ArgumentOutOfRangeException(nameof(verdict), verdict, "An accepted message has no refusal."),
        MessageVerdict.BadLength => Refusal.BadLength,
        MessageVerdict.UnknownNumber => Refusal.UnknownNumber,
        MessageVerdict.HostOnly => Refusal.HostOnly,
        MessageVerdict.NotNegotiated => Refusal.NotNegotiated,
        MessageVerdict.NotConnected => Refusal.NotConnected,
    };

    private void Refuse(Refusal reason, ReadOnlySpan<byte> message)
    {
        _refusals[(int)reason]++;
        uint number = message.Length >= sizeof(uint) ? ReadUInt32LittleEndian(message) : 0;
        uint subject = message.Length >= 12 ? ReadUInt32LittleEndian(message[8..]) : 0;
        effects.Refused(reason, number, subject);
    }

    private void Send<T>(in T message)
        where T : struct, IClientBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(bytes);
        if (_isPaused)
            _held.Add(bytes[..length].ToArray());
        else
            effects.Send(bytes[..length]);
    }

    private ServerChannel Started(uint channelId, params ReadOnlySpan<ChannelState> expected)
        => _channels.TryGetValue(channelId, out ServerChannel? channel) && expected.Contains(channel.State)
            ? channel
            : throw new InvalidOperationException($"Channel {channelId} reported a completion that nothing had asked for.");
}
