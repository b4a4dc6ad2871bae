using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Channel;

/// <summary>Why a message from the guest is, or is not, taken.</summary>
public enum MessageVerdict
{
    /// <summary>The number, the length, the version and the features fit.</summary>
    Ok,

    /// <summary>Shorter than its fixed part, or longer than a message can be.</summary>
    BadLength,

    /// <summary>No message has this number.</summary>
    UnknownNumber,

    /// <summary>Only a host may send it.</summary>
    HostOnly,

    /// <summary>The version or the features agreed on do not have it.</summary>
    NotNegotiated,

    /// <summary>It needs a connection and there is none.</summary>
    NotConnected,
}

/// <summary>Every channel message: number, direction, size, first version, features. Parser, documentation and tests read this one table.</summary>
/// <remarks>Source: protocol-spec/channel-messages.md#messages.</remarks>
public static class MessageTable
{
    /// <summary>Type and padding before every body.</summary>
    public const int HeaderBytes = 8;

    private const MessageDirection FromGuest = MessageDirection.ServerBound;
    private const MessageDirection FromHost = MessageDirection.ClientBound;

    /// <summary>All rows in order of number; a variant follows its plain form.</summary>
    public static IReadOnlyList<MessageRow> Rows { get; } =
    [
        new(1, "OFFER_CHANNEL", FromHost, OfferChannel.Size, ProtocolVersion.V0_13),
        new(2, "RESCIND_CHANNEL_OFFER", FromHost, RescindChannelOffer.Size, ProtocolVersion.V0_13),
        new(3, "REQUEST_OFFERS", FromGuest, RequestOffers.Size, ProtocolVersion.V0_13),
        new(4, "ALL_OFFERS_DELIVERED", FromHost, AllOffersDelivered.Size, ProtocolVersion.V0_13),
        new(5, "OPEN_CHANNEL", FromGuest, OpenChannelRequest.Size, ProtocolVersion.V0_13),
        new(5, "OPEN_CHANNEL2", FromGuest, OpenChannelRequest.ExtendedSize, ProtocolVersion.V6_0,
            FeatureFlags.GuestSpecifiedSignalParameters, Variant: true),
        new(6, "OPEN_CHANNEL_RESULT", FromHost, OpenChannelResult.Size, ProtocolVersion.V0_13),
        new(7, "CLOSE_CHANNEL", FromGuest, CloseChannel.Size, ProtocolVersion.V0_13),
        new(8, "GPADL_HEADER", FromGuest, GpadlHeader.Size, ProtocolVersion.V0_13),
        new(9, "GPADL_BODY", FromGuest, GpadlBody.Size, ProtocolVersion.V0_13),
        new(10, "GPADL_CREATED", FromHost, GpadlCreated.Size, ProtocolVersion.V0_13),
        new(11, "GPADL_TEARDOWN", FromGuest, GpadlTeardown.Size, ProtocolVersion.V0_13),
        new(12, "GPADL_TORNDOWN", FromHost, GpadlTorndown.Size, ProtocolVersion.V0_13),
        new(13, "RELID_RELEASED", FromGuest, RelIdReleased.Size, ProtocolVersion.V0_13),
        new(14, "INITIATE_CONTACT", FromGuest, InitiateContact.Size, ProtocolVersion.V0_13, NeedsConnection: false),
        new(14, "INITIATE_CONTACT2", FromGuest, InitiateContact.ExtendedSize, ProtocolVersion.V6_0,
            FeatureFlags.ClientId, Variant: true, ChosenByLength: true, NeedsConnection: false),
        new(15, "VERSION_RESPONSE", FromHost, VersionResponse.Size, ProtocolVersion.V0_13, NeedsConnection: false),
        new(15, "VERSION_RESPONSE2", FromHost, VersionResponse.ExtendedSize, ProtocolVersion.V6_0, Variant: true, NeedsConnection: false),
        new(16, "UNLOAD", FromGuest, Unload.Size, ProtocolVersion.V0_13, NeedsConnection: false),
        new(17, "UNLOAD_RESPONSE", FromHost, UnloadResponse.Size, ProtocolVersion.V1_1, NeedsConnection: false),
        new(18, "OPEN_RESERVED_CHANNEL", FromGuest, OpenReservedChannel.Size, ProtocolVersion.V4_0),
        new(19, "CLOSE_RESERVED_CHANNEL", FromGuest, CloseReservedChannel.Size, ProtocolVersion.V4_0),
        new(20, "CLOSE_RESERVED_CHANNEL_RESPONSE", FromHost, CloseReservedChannelResponse.Size, ProtocolVersion.V4_0),
        new(21, "TL_CONNECT_REQUEST", FromGuest, TlConnectRequest.Size, ProtocolVersion.V4_0),
        new(21, "TL_CONNECT_REQUEST2", FromGuest, TlConnectRequest.ExtendedSize, ProtocolVersion.V5_2, Variant: true, ChosenByLength: true),
        new(22, "MODIFYCHANNEL", FromGuest, ModifyChannel.Size, ProtocolVersion.V4_1),
        new(23, "TL_CONNECT_RESULT", FromHost, TlConnectResult.Size, ProtocolVersion.V4_1),
        new(24, "MODIFYCHANNEL_RESPONSE", FromHost, ModifyChannelResponse.Size, ProtocolVersion.V5_3),
        new(25, "MODIFY_CONNECTION", FromGuest, ModifyConnection.Size, ProtocolVersion.V6_0, FeatureFlags.ModifyConnection),
        new(26, "MODIFY_CONNECTION_RESPONSE", FromHost, ModifyConnectionResponse.Size, ProtocolVersion.V6_0, FeatureFlags.ModifyConnection),
        new(27, "PAUSE", FromGuest, Pause.Size, ProtocolVersion.V6_0, FeatureFlags.PauseResume),
        new(28, "PAUSE_RESPONSE", FromHost, PauseResponse.Size, ProtocolVersion.V6_0, FeatureFlags.PauseResume),
        new(29, "RESUME", FromGuest, Resume.Size, ProtocolVersion.V6_0, FeatureFlags.PauseResume),
    ];

    /// <summary>Judges a message from the guest by its number and length. Only a server-bound row can come out.</summary>
    /// <param name="message">The whole message, a private copy.</param>
    /// <param name="version">The version agreed on, or null without a connection.</param>
    /// <param name="features">The features agreed on.</param>
    /// <param name="type">The message when the verdict is Ok; it may be read with the TryRead of its type.</param>
    public static MessageVerdict Classify(ReadOnlySpan<byte> message, ProtocolVersion? version, FeatureFlags features, out ServerBoundType type)
    {
        type = default;
        if (message.Length is < HeaderBytes or > SyntheticInterrupts.MaximumMessageBytes) return MessageVerdict.BadLength;
        uint number = ReadUInt32LittleEndian(message);
        MessageVerdict verdict = MessageVerdict.UnknownNumber;
        foreach (MessageRow row in Rows)
        {
            if (row.Number < number) continue;
            if (row.Number > number) break;
            if (row.Variant && (verdict != MessageVerdict.Ok || row.ChosenByLength)) continue;
            MessageVerdict judged = Judge(row, message.Length, version, features);
            // A variant that was not agreed on leaves the plain form standing.
            if (!row.Variant || judged != MessageVerdict.NotNegotiated) verdict = judged;
        }

        if (verdict == MessageVerdict.Ok) type = (ServerBoundType)number;
        return verdict;
    }

    private static MessageVerdict Judge(MessageRow row, int length, ProtocolVersion? version, FeatureFlags features)
    {
        if (row.Direction == MessageDirection.ClientBound) return MessageVerdict.HostOnly;
        if (row.NeedsConnection)
        {
            if (version is not { } agreed) return MessageVerdict.NotConnected;
            if (agreed < row.MinimumVersion || (features & row.Features) != row.Features) return MessageVerdict.NotNegotiated;
        }

        return length < row.Size ? MessageVerdict.BadLength : MessageVerdict.Ok;
    }
}
