using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Channel;

/// <summary>Every message against the layout on its page, in both directions, at every length, and against whole messages in hex.</summary>
public sealed class MessageLayoutTests
{
    private const uint A = 0x11223344, B = 0x55667788, C = 0x99AABBCC, D = 0xDDEEFF01, E = 0x02040608;
    private const ulong Long1 = 0x1122334455667788, Long2 = 0x99AABBCCDDEEFF00;

    private static readonly SpecPage Page = SpecPage.Load("channel-messages.md");
    private static readonly Guid Guid1 = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly Guid Guid2 = new("10213243-5465-7687-98a9-bacbdcedfe0f");
    private static readonly Guid Guid3 = new("f0e0d0c0-b0a0-9080-7060-504030201000");

    [Fact]
    public void Messages_without_a_body_are_their_header()
    {
        ServerBound(new RequestOffers(), 8);
        ServerBound(new Unload(), 8);
        ServerBound(new Pause(), 8);
        ServerBound(new Resume(), 8);
        ClientBound(new AllOffersDelivered(), 8);
        ClientBound(new UnloadResponse(), 8);
        ClientBound(new PauseResponse(), 8);
    }

    [Fact]
    public void Messages_that_name_a_channel_have_it_at_the_same_place()
    {
        Fields(ClientBound(new RescindChannelOffer(A), 12), "rescind_channel_offer", ("channel id", A));
        Fields(ServerBound(new RelIdReleased(A), 12), "rescind_channel_offer", ("channel id", A));
        Fields(ServerBound(new CloseChannel(A), 12), "rescind_channel_offer", ("channel id", A));
        Fields(ClientBound(new CloseReservedChannelResponse(A), 12), "rescind_channel_offer", ("channel id", A));
    }

    [Fact]
    public void Offer_is_where_the_page_says()
    {
        byte[] user = [.. Enumerable.Range(1, 120).Select(i => (byte)i)];
        var offer = new OfferChannel(Guid1, Guid2, (OfferFlags)0x1234, 0x5678, user, 0x9ABC, A, B);
        byte[] bytes = Write(offer);
        Fields(bytes, "offer_channel", ("flags", 0x1234), ("mmio megabytes", 0x5678), ("subchannel index", 0x9ABC), ("optional mmio megabytes", 0),
            ("channel id", A), ("monitor id", 0xFF), ("monitor allocated", 0), ("dedicated interrupt", 1), ("connection id", B));
        SpecLayout layout = Page.Layout("offer_channel");
        Assert.Equal(Guid1, new Guid(layout.Slice(bytes, "interface type")));
        Assert.Equal(Guid2, new Guid(layout.Slice(bytes, "interface instance")));
        Assert.Equal(user, layout.Slice(bytes, "user defined").ToArray());
        Assert.Equal(new byte[16], layout.Slice(bytes, "reserved").ToArray());
        Assert.True(OfferChannel.TryRead(bytes, out OfferChannel back));
        Assert.Equal(offer with { UserDefined = default }, back with { UserDefined = default });
        Assert.Equal(user, back.UserDefined.ToArray());
        Truncations<OfferChannel>(bytes, OfferChannel.TryRead, OfferChannel.Size);
    }

    [Fact]
    public void Open_is_where_the_page_says()
    {
        byte[] user = [.. Enumerable.Range(1, 120).Select(i => (byte)i)];
        var open = new OpenChannelRequest(A, B, C, D, E, user, 0x01020304, 0x0506, 0x0708);
        var bytes = new byte[OpenChannelRequest.ExtendedSize];
        Assert.Equal(OpenChannelRequest.ExtendedSize, open.Write(bytes));
        Fields(bytes, "open_channel", ("channel id", A), ("open id", B), ("ring gpadl id", C), ("target processor", D), ("downstream page offset", E),
            ("connection id", 0x01020304), ("event flag", 0x0506), ("flags", 0x0708));
        Assert.Equal(user, Page.Layout("open_channel").Slice(bytes, "user data").ToArray());
        Assert.True(OpenChannelRequest.TryRead(bytes, out OpenChannelRequest back));
        Assert.Equal(open with { UserData = default }, back with { UserData = default });
        Assert.Equal(user, back.UserData.ToArray());
        // Between the two forms the longer fields are not there.
        Assert.True(OpenChannelRequest.TryRead(bytes.AsSpan(0, 155), out back));
        Assert.Equal((0u, 0, 0), (back.ConnectionId, back.EventFlag, back.Flags));
        Truncations<OpenChannelRequest>(bytes, OpenChannelRequest.TryRead, OpenChannelRequest.Size);
    }

    [Fact]
    public void Answers_are_where_the_page_says()
    {
        Fields(ClientBound(new OpenChannelResult(A, B, (NtStatus)C), 20), "open_channel_result", ("channel id", A), ("open id", B), ("status", C));
        Fields(ClientBound(new GpadlCreated(A, B, (NtStatus)C), 20), "gpadl_created", ("channel id", A), ("gpadl id", B), ("status", C));
        Fields(ClientBound(new GpadlTorndown(A), 12), "gpadl_torndown", ("gpadl id", A));
        Fields(ClientBound(new ModifyChannelResponse(A, (NtStatus)B), 16), "modifychannel_response", ("channel id", A), ("status", B));
        Fields(ClientBound(new ModifyConnectionResponse((ConnectionStatus)0x7F), 12), "modify_connection_response", ("status", 0x7F), ("reserved", 0));
        byte[] connect = ClientBound(new TlConnectResult(Guid1, Guid2, (NtStatus)A), 44);
        Fields(connect, "tl_connect_result", ("status", A));
        Assert.Equal(Guid1, new Guid(Page.Layout("tl_connect_result").Slice(connect, "endpoint id")));
        Assert.Equal(Guid2, new Guid(Page.Layout("tl_connect_result").Slice(connect, "service id")));
    }

    [Fact]
    public void Requests_are_where_the_page_says()
    {
        Fields(ServerBound(new GpadlHeader(A, B, 0x1234, 0x5678), 20), "gpadl_header",
            ("channel id", A), ("gpadl id", B), ("range bytes", 0x1234), ("range count", 0x5678));
        Fields(ServerBound(new GpadlBody(A, B), 16), "gpadl_body", ("sequence", A), ("gpadl id", B));
        Fields(ServerBound(new GpadlTeardown(A, B), 16), "gpadl_teardown", ("channel id", A), ("gpadl id", B));
        Fields(ServerBound(new ModifyChannel(A, B), 16), "modifychannel", ("channel id", A), ("target processor", B));
        Fields(ServerBound(new ModifyConnection(Long1, Long2), 24), "modify_connection",
            ("parent to child monitor page", Long1), ("child to parent monitor page", Long2));
        Fields(ServerBound(new OpenReservedChannel(A, B, C, D, E), 28), "open_reserved_channel",
            ("channel id", A), ("target processor", B), ("target interrupt", C), ("ring gpadl id", D), ("downstream page offset", E));
        byte[] close = new byte[28];
        ServerBound(new CloseReservedChannel(A, B, C), 20).CopyTo(close, 0);
        Fields(close, "open_reserved_channel", ("channel id", A), ("target processor", B), ("target interrupt", C));
    }

    [Fact]
    public void Connect_is_where_the_page_says()
    {
        var bytes = new byte[TlConnectRequest.ExtendedSize];
        var connect = new TlConnectRequest(Guid1, Guid2, Guid3);
        Assert.Equal(bytes.Length, connect.Write(bytes));
        SpecLayout layout = Page.Layout("tl_connect_request");
        Assert.Equal(Guid1, new Guid(layout.Slice(bytes, "endpoint id")));
        Assert.Equal(Guid2, new Guid(layout.Slice(bytes, "service id")));
        Assert.Equal(Guid3, new Guid(layout.Slice(bytes, "silo id")));
        Assert.True(TlConnectRequest.TryRead(bytes, out TlConnectRequest back));
        Assert.Equal(connect, back);
        Assert.True(TlConnectRequest.TryRead(bytes.AsSpan(0, 55), out back));
        Assert.Equal(connect with { SiloId = Guid.Empty }, back);
        Truncations<TlConnectRequest>(bytes, TlConnectRequest.TryRead, TlConnectRequest.Size);
    }

    [Fact]
    public void Contact_is_where_the_page_says()
    {
        var bytes = new byte[InitiateContact.ExtendedSize];
        var contact = new InitiateContact(ProtocolVersion.V6_0, A, Long1, Long2, 0x0102030405060708, Guid1);
        Assert.Equal(bytes.Length, contact.Write(bytes));
        Fields(bytes, "initiate_contact", ("version", 0x60000), ("target processor", A), ("target info", Long1),
            ("parent to child monitor page", Long2), ("child to parent monitor page", 0x0102030405060708));
        Assert.Equal(Guid1, new Guid(Page.Layout("initiate_contact").Slice(bytes, "client id")));
        Assert.True(InitiateContact.TryRead(bytes, out InitiateContact back));
        Assert.Equal(contact, back);
        Truncations<InitiateContact>(bytes, InitiateContact.TryRead, InitiateContact.Size);
    }

    [Fact]
    public void Target_information_means_what_the_version_says()
    {
        var contact = new InitiateContact(ProtocolVersion.V6_0, 7, 0x0000_0029_0000_0102, 0, 0, Guid.Empty);
        Assert.Equal((2, 1, (FeatureFlags)0x29, 7u), (contact.MessageInterrupt, contact.MessageTrustLevel, contact.Features, contact.MessageProcessor));
        contact = contact with { Version = ProtocolVersion.V5_1 };
        Assert.Equal((2, 1, FeatureFlags.None), (contact.MessageInterrupt, contact.MessageTrustLevel, contact.Features));
        contact = contact with { Version = ProtocolVersion.V5_0, TargetInfo = 0x103 };
        Assert.Equal((3, 0), (contact.MessageInterrupt, contact.MessageTrustLevel));
        contact = contact with { Version = ProtocolVersion.V4_1 };
        Assert.Equal((2, 0, 7u), (contact.MessageInterrupt, contact.MessageTrustLevel, contact.MessageProcessor));
        contact = contact with { Version = ProtocolVersion.V2_4 };
        Assert.Equal(0u, contact.MessageProcessor);
    }

    [Fact]
    public void Version_response_is_where_the_page_says()
    {
        var bytes = new byte[VersionResponse.ExtendedSize];
        var response = new VersionResponse(1, (ConnectionStatus)2, A, (FeatureFlags)B);
        Assert.Equal(bytes.Length, response.Write(bytes));
        Fields(bytes, "version_response", ("supported", 1), ("status", 2), ("version or connection id", A), ("features", B), ("reserved", 0));
        Assert.True(VersionResponse.TryRead(bytes, out VersionResponse back));
        Assert.Equal(response, back);
        Assert.Equal(VersionResponse.Size, (response with { Features = null }).Write(bytes));
        Truncations<VersionResponse>(bytes, VersionResponse.TryRead, VersionResponse.Size);
    }

    [Fact]
    public void Whole_messages_in_hex_are_read_and_written()
    {
        byte[] contact = SpecVector.Load("channel-initiate-contact-5.3");
        Assert.True(InitiateContact.TryRead(contact, out InitiateContact read));
        Assert.Equal(new InitiateContact(ProtocolVersion.V5_3, 1, 2, 0x0102_3000, 0x0102_4000, Guid.Empty), read);
        Assert.Equal(contact, Written(read.Write));
        byte[] response = SpecVector.Load("channel-version-response-5.3");
        Assert.Equal(response, Written(new VersionResponse(1, ConnectionStatus.Successful, 1, null).Write));
        byte[] header = SpecVector.Load("channel-gpadl-header");
        Assert.True(GpadlHeader.TryRead(header, out GpadlHeader gpadl));
        Assert.Equal(new GpadlHeader(1, 0xE1E10, 24, 1), gpadl);
        Assert.Equal(24, GpadlHeader.Ranges(header).Length);
        byte[] offer = SpecVector.Load("channel-offer-scsi");
        Assert.Equal(offer, Written(new OfferChannel(
            new Guid("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f"), Guid1, OfferFlags.None, 0, default, 0, 1, 0x2001).Write));
    }

    private delegate bool Reader<T>(ReadOnlySpan<byte> message, out T value);

    private delegate int Writer(Span<byte> destination);

    private static byte[] Written(Writer write)
    {
        var bytes = new byte[SyntheticInterrupts.MaximumMessageBytes];
        return bytes[..write(bytes)];
    }

    private static byte[] Write<T>(T message)
        where T : struct, IClientBoundMessage<T> => ClientBoundBytes(message);

    private static byte[] ClientBoundBytes<T>(T message)
        where T : struct, IClientBoundMessage<T>
    {
        // Dirty bytes show what the message does not write.
        var bytes = new byte[SyntheticInterrupts.MaximumMessageBytes];
        Array.Fill(bytes, (byte)0xEE);
        int length = message.Write(bytes);
        Assert.Equal((uint)T.Type, BitConverter.ToUInt32(bytes));
        Assert.Equal(0u, BitConverter.ToUInt32(bytes, 4));
        return bytes[..length];
    }

    private static byte[] ClientBound<T>(T message, int size)
        where T : struct, IClientBoundMessage<T>
    {
        byte[] bytes = ClientBoundBytes(message);
        Assert.Equal(size, bytes.Length);
        Assert.True(T.TryRead(bytes, out T back));
        Assert.Equal(message, back);
        Truncations<T>(bytes, T.TryRead, size);
        return bytes;
    }

    private static byte[] ServerBound<T>(T message, int size)
        where T : struct, IServerBoundMessage<T>
    {
        var bytes = new byte[SyntheticInterrupts.MaximumMessageBytes];
        Array.Fill(bytes, (byte)0xEE);
        Assert.Equal(size, message.Write(bytes));
        bytes = bytes[..size];
        Assert.Equal((uint)T.Type, BitConverter.ToUInt32(bytes));
        Assert.Equal(0u, BitConverter.ToUInt32(bytes, 4));
        Assert.True(T.TryRead(bytes, out T back));
        Assert.Equal(message, back);
        Truncations<T>(bytes, T.TryRead, size);
        return bytes;
    }

    private static void Truncations<T>(byte[] bytes, Reader<T> read, int size)
    {
        for (int length = 0; length < size; length++) Assert.False(read(bytes.AsSpan(0, length), out _), $"{typeof(T).Name} of {length} bytes was read.");
        Assert.True(read(bytes.AsSpan(0, size), out _));
    }

    private static void Fields(byte[] message, string anchor, params (string Name, ulong Value)[] fields)
    {
        SpecLayout layout = Page.Layout(anchor);
        foreach ((string name, ulong value) in fields) Assert.Equal((name, value), (name, layout.Read(message, name)));
    }
}
