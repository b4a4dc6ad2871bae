using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tests.Channel;

/// <summary>Every channel message that real guests and this host exchanged is taken, read, and written again as it was.</summary>
public sealed class CapturedMessagesTests
{
    private delegate bool Reader<T>(ReadOnlySpan<byte> message, out T value);

    public static TheoryData<string> Conversations => [.. SpecConversation.Names("channel")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Message_is_read_and_written_again_byte_for_byte(string name)
    {
        SpecConversation conversation = SpecConversation.Load(name);
        Assert.NotEmpty(conversation.Utterances);
        foreach (SpecUtterance message in conversation.Utterances)
        {
            int read = message.FromGuest ? FromGuest(message.Bytes) : FromHost(message.Bytes);
            Assert.True(read == message.Bytes.Length, $"{name}: {message.Label} has {message.Bytes.Length} bytes, {read} of them have a meaning");
            MessageRow row = MessageTable.Rows.First(row => row.Number == ReadUInt32LittleEndian(message.Bytes));
            Assert.Equal((row.Name, row.Direction == MessageDirection.ServerBound), (message.Label, message.FromGuest));
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Message_of_the_guest_is_one_that_the_table_takes(string name)
    {
        foreach (SpecUtterance message in SpecConversation.Load(name).Utterances.Where(message => message.FromGuest))
        {
            MessageVerdict verdict = MessageTable.Classify(message.Bytes, ProtocolVersion.V5_3, FeatureFlags.None, out ServerBoundType type);
            Assert.Equal((MessageVerdict.Ok, ReadUInt32LittleEndian(message.Bytes)), (verdict, (uint)type));
        }
    }

    // A kind of message that the captures lose would go unnoticed above.
    [Theory]
    [InlineData("captured-6.1-channel")]
    [InlineData("captured-6.12-channel")]
    public void Capture_holds_the_life_of_a_channel(string name)
    {
        HashSet<string> kinds = [.. SpecConversation.Load(name).Utterances.Select(message => message.Label)];
        Assert.Superset(
            new HashSet<string>
            {
                "INITIATE_CONTACT", "VERSION_RESPONSE", "REQUEST_OFFERS", "OFFER_CHANNEL", "ALL_OFFERS_DELIVERED", "GPADL_HEADER", "GPADL_BODY",
                "GPADL_CREATED", "OPEN_CHANNEL", "OPEN_CHANNEL_RESULT", "MODIFYCHANNEL", "MODIFYCHANNEL_RESPONSE", "CLOSE_CHANNEL", "GPADL_TEARDOWN",
                "GPADL_TORNDOWN",
            },
            kinds);
    }

    [Theory]
    [InlineData("captured-6.1-channel-3.0")]
    [InlineData("captured-6.12-channel-3.0")]
    public void Capture_of_a_crash_goes_down_the_versions_and_ends_with_unload(string name)
    {
        IReadOnlyList<SpecUtterance> messages = SpecConversation.Load(name).Utterances;
        uint[] proposed = [.. messages.Where(message => message.Label == "INITIATE_CONTACT").Select(message => ReadUInt32LittleEndian(message.Bytes.AsSpan(8)))];
        Assert.Equal([0x50003u, 0x50002, 0x50001, 0x50000, 0x40001, 0x40000, 0x30000], proposed);
        Assert.Equal(["UNLOAD", "UNLOAD_RESPONSE"], messages.TakeLast(2).Select(message => message.Label));
    }

    private static int FromGuest(byte[] bytes) => (ServerBoundType)ReadUInt32LittleEndian(bytes) switch
    {
        ServerBoundType.RequestOffers => Server<RequestOffers>(bytes, RequestOffers.TryRead),
        ServerBoundType.OpenChannel => Server<OpenChannelRequest>(bytes, OpenChannelRequest.TryRead),
        ServerBoundType.CloseChannel => Server<CloseChannel>(bytes, CloseChannel.TryRead),
        ServerBoundType.GpadlHeader => Server<GpadlHeader>(bytes, GpadlHeader.TryRead) + GpadlHeader.Ranges(bytes).Length,
        ServerBoundType.GpadlBody => Server<GpadlBody>(bytes, GpadlBody.TryRead) + GpadlBody.Ranges(bytes).Length,
        ServerBoundType.GpadlTeardown => Server<GpadlTeardown>(bytes, GpadlTeardown.TryRead),
        ServerBoundType.RelIdReleased => Server<RelIdReleased>(bytes, RelIdReleased.TryRead),
        ServerBoundType.InitiateContact => Server<InitiateContact>(bytes, InitiateContact.TryRead),
        ServerBoundType.Unload => Server<Unload>(bytes, Unload.TryRead),
        ServerBoundType.ModifyChannel => Server<ModifyChannel>(bytes, ModifyChannel.TryRead),
        ServerBoundType type => throw new InvalidDataException($"Nothing is known of {type} in a capture."),
    };

    private static int FromHost(byte[] bytes) => (ClientBoundType)ReadUInt32LittleEndian(bytes) switch
    {
        ClientBoundType.OfferChannel => Client<OfferChannel>(bytes, OfferChannel.TryRead),
        ClientBoundType.AllOffersDelivered => Client<AllOffersDelivered>(bytes, AllOffersDelivered.TryRead),
        ClientBoundType.RescindChannelOffer => Client<RescindChannelOffer>(bytes, RescindChannelOffer.TryRead),
        ClientBoundType.OpenChannelResult => Client<OpenChannelResult>(bytes, OpenChannelResult.TryRead),
        ClientBoundType.GpadlCreated => Client<GpadlCreated>(bytes, GpadlCreated.TryRead),
        ClientBoundType.GpadlTorndown => Client<GpadlTorndown>(bytes, GpadlTorndown.TryRead),
        ClientBoundType.VersionResponse => Client<VersionResponse>(bytes, VersionResponse.TryRead),
        ClientBoundType.UnloadResponse => Client<UnloadResponse>(bytes, UnloadResponse.TryRead),
        ClientBoundType.ModifyChannelResponse => Client<ModifyChannelResponse>(bytes, ModifyChannelResponse.TryRead),
        ClientBoundType type => throw new InvalidDataException($"Nothing is known of {type} in a capture."),
    };

    private static int Server<T>(byte[] bytes, Reader<T> read)
        where T : struct, IServerBoundMessage<T>
    {
        Assert.True(read(bytes, out T message));
        var written = new byte[SyntheticInterrupts.MaximumMessageBytes];
        // OPEN_CHANNEL is always written in its longer form, with zeroes where the guest's ends.
        int length = Math.Min(message.Write(written), bytes.Length);
        Assert.Equal(Convert.ToHexStringLower(bytes, 0, length), Convert.ToHexStringLower(written, 0, length));
        Assert.DoesNotContain(written[length..], rest => rest != 0);
        return length;
    }

    private static int Client<T>(byte[] bytes, Reader<T> read)
        where T : struct, IClientBoundMessage<T>
    {
        Assert.True(read(bytes, out T message));
        var written = new byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(written);
        Assert.Equal(Convert.ToHexStringLower(bytes, 0, length), Convert.ToHexStringLower(written, 0, length));
        return length;
    }
}
