using System.Buffers.Binary;
using VmBus.Client.Channels;
using VmBus.Client.Tests.Hosts;
using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using Xunit;

namespace VmBus.Client.Tests.Channels;

/// <summary>A host that answers short, wrong, late, out of order or not at all: a status for whoever asked, and the client goes on.</summary>
public sealed class HostileMessagesTests : IDisposable
{
    private readonly ScriptedHost _host = new();
    private readonly VmBusClient _client;

    public HostileMessagesTests() => _client = new VmBusClient(_host, new PagePool(_host.Memory, 16));

    /// <summary>Requests, each with the answer it waits for.</summary>
    public static TheoryData<ClientBoundType> Answers =>
    [
        ClientBoundType.VersionResponse, ClientBoundType.GpadlCreated, ClientBoundType.OpenChannelResult, ClientBoundType.GpadlTorndown,
        ClientBoundType.ModifyChannelResponse,
    ];

    public void Dispose() => _host.Dispose();

    [Theory]
    [MemberData(nameof(Answers))]
    public void Short_answer_fails_the_request_at_once(ClientBoundType type)
    {
        Prepare(type);
        _host.Tamper = answer => IsOf(answer, type) ? [answer[..^1]] : [answer];
        Assert.Equal(ClientStatus.Violation, Ask(type));
        Assert.Equal(ClientViolation.ShortMessage, _client.LastViolation);
        GoesOn();
    }

    [Theory]
    [InlineData(ClientBoundType.GpadlCreated, 8)]
    [InlineData(ClientBoundType.GpadlCreated, 12)]
    [InlineData(ClientBoundType.OpenChannelResult, 8)]
    [InlineData(ClientBoundType.OpenChannelResult, 12)]
    [InlineData(ClientBoundType.GpadlTorndown, 8)]
    [InlineData(ClientBoundType.ModifyChannelResponse, 8)]
    public void Answer_about_something_else_fails_the_request_at_once(ClientBoundType type, int offset)
    {
        Prepare(type);
        _host.Tamper = answer => IsOf(answer, type) ? [With(answer, offset, 0xDEAD)] : [answer];
        Assert.Equal(ClientStatus.Violation, Ask(type));
        Assert.Equal(ClientViolation.WrongAnswer, _client.LastViolation);
        GoesOn();
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_that_does_not_come_ends_the_wait_and_is_welcome_later(ClientBoundType type)
    {
        Prepare(type);
        byte[]? kept = null;
        _host.Tamper = answer =>
        {
            if (!IsOf(answer, type)) return [answer];
            kept = answer;
            return [];
        };
        Assert.Equal(ClientStatus.TimedOut, Ask(type));
        if (type == ClientBoundType.VersionResponse) return;
        _host.Send(kept!);
        Assert.True(_client.Pump(TimeSpan.Zero));
        Assert.Equal(0, _client.Violations);
        // Once.
        _host.Send(kept!);
        Assert.True(_client.Pump(TimeSpan.Zero));
        Assert.Equal(ClientViolation.Unasked, _client.LastViolation);
    }

    [Theory]
    [InlineData(ClientBoundType.GpadlCreated, 16)]
    [InlineData(ClientBoundType.OpenChannelResult, 16)]
    [InlineData(ClientBoundType.ModifyChannelResponse, 12)]
    public void Failure_is_passed_on_with_its_status(ClientBoundType type, int offset)
    {
        Prepare(type);
        _host.Tamper = answer => IsOf(answer, type) ? [With(answer, offset, (uint)NtStatus.InsufficientResources)] : [answer];
        Assert.Equal(ClientStatus.Refused, Ask(type));
        Assert.Equal(NtStatus.InsufficientResources, _client.HostStatus);
        Assert.Equal(0, _client.Violations);
    }

    [Theory]
    [InlineData(ClientBoundType.GpadlCreated)]
    [InlineData(ClientBoundType.OpenChannelResult)]
    [InlineData(ClientBoundType.GpadlTorndown)]
    [InlineData(ClientBoundType.ModifyChannelResponse)]
    public void Rescind_ends_the_wait_for_an_answer_on_its_channel(ClientBoundType type)
    {
        Prepare(type);
        _host.Tamper = answer => IsOf(answer, type) ? [ScriptedHost.Bytes(new RescindChannelOffer(ScriptedHost.ChannelId)), answer] : [answer];
        Assert.Equal(type == ClientBoundType.GpadlTorndown ? ClientStatus.Ok : ClientStatus.Rescinded, Ask(type));
        while (_client.Pump(TimeSpan.Zero))
        {
        }

        Assert.Equal(0, _client.Violations);
        Assert.Equal([ScriptedHost.ChannelId], _client.RescindedChannels);
    }

    [Fact]
    public void Memory_that_the_host_may_still_write_to_is_not_used_again()
    {
        Connect();
        OfferChannel offer = _client.Offers[0];
        Assert.Equal(ClientStatus.Ok, _client.TryOpen(offer, 5, 0, out ClientChannel? channel));
        PageRun pages = channel!.Pages;
        _host.Tamper = answer => IsOf(answer, ClientBoundType.GpadlTorndown) ? [] : [answer];
        Assert.Equal(ClientStatus.TimedOut, _client.Close(channel));
        _host.Tamper = null;
        Assert.Equal(ClientStatus.Ok, _client.TryOpen(offer, 5, 0, out ClientChannel? next));
        Assert.True(next!.Pages.FirstPage >= pages.FirstPage + (ulong)pages.PageCount);
    }

    [Theory]
    [InlineData(0x50003u, 0u)]
    [InlineData(0x50003u, 0x1000000u)]
    [InlineData(0x30000u, 0x20004u)]
    public void Version_answer_with_the_wrong_number_is_no_connection(uint version, uint number)
    {
        _host.Tamper = answer => [With(answer, 12, number)];
        Assert.Equal(ClientStatus.Violation, _client.Connect(new ProtocolVersion(version)));
        Assert.Null(_client.Version);
        Assert.Equal(ClientViolation.WrongVersion, _client.LastViolation);
    }

    [Fact]
    public void Features_that_were_not_asked_for_are_no_connection()
    {
        _host.Tamper = answer => [With(answer, 16, (uint)FeatureFlags.PauseResume)];
        Assert.Equal(ClientStatus.Violation, _client.Connect(ProtocolVersion.V6_0, FeatureFlags.ClientId));
        Assert.Null(_client.Version);
    }

    [Theory]
    [InlineData(0u, 0)]
    [InlineData(2048u, 0)]
    [InlineData(0xFFFFFFFFu, 0)]
    [InlineData(ScriptedHost.ChannelId, 0)]
    [InlineData(9u, 1)]
    public void Offer_that_cannot_be_is_ignored(uint id, ushort index)
    {
        Connect();
        _host.Send(ScriptedHost.Bytes(ScriptedHost.Offer(id, Guid.NewGuid(), index)));
        Assert.True(_client.Pump(TimeSpan.Zero));
        Assert.Equal(ClientViolation.BadOffer, _client.LastViolation);
        Assert.Equal(ScriptedHost.ChannelId, Assert.Single(_client.Offers).ChannelId);
    }

    [Fact]
    public void Offer_of_an_instance_that_is_there_and_offer_before_the_contact_are_ignored()
    {
        _client.Receive(ScriptedHost.Bytes(ScriptedHost.Offer(3)));
        Assert.Empty(_client.Offers);
        Connect();
        _client.Receive(ScriptedHost.Bytes(ScriptedHost.Offer(3)));
        Assert.Single(_client.Offers);
        Assert.Equal(2, _client.Violations);
    }

    [Fact]
    public void Rescind_of_nothing_or_again_is_ignored()
    {
        Connect();
        _client.Receive(ScriptedHost.Bytes(new RescindChannelOffer(5)));
        _client.Receive(ScriptedHost.Bytes(new RescindChannelOffer(ScriptedHost.ChannelId)));
        _client.Receive(ScriptedHost.Bytes(new RescindChannelOffer(ScriptedHost.ChannelId)));
        Assert.Equal((2, ClientViolation.BadRescind), (_client.Violations, _client.LastViolation));
    }

    [Fact]
    public void Host_with_room_for_no_message_is_asked_again_and_a_dead_one_is_not()
    {
        int left = 3;
        _host.Judge = () => left-- > 0 ? PostResult.Busy : PostResult.Accepted;
        Connect();
        _host.Judge = () => PostResult.Refused;
        Assert.Equal(ClientStatus.Refused, _client.Unload());
    }

    [Fact]
    public void Whatever_bytes_come_the_client_goes_on_and_keeps_no_more_than_a_bus_can_have()
    {
        Connect();
        var random = new Random(1);
        for (int i = 0; i < 200_000; i++)
        {
            byte[] message = new byte[random.Next(0, 241)];
            random.NextBytes(message);
            // Numbers near those of real messages, channels near real ones.
            if (message.Length >= 8) BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)random.Next(0, 32));
            if (message.Length >= 196 && i % 2 == 0) BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(184), (uint)random.Next(0, 4096));
            if (message.Length >= 12 && i % 3 == 0) BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)random.Next(0, 4096));
            _client.Receive(message);
        }

        Assert.InRange(_client.Offers.Count + _client.RescindedChannels.Count, 1, 2047);
        Assert.True(_client.Violations > 100_000);
        GoesOn();
    }

    private static bool IsOf(byte[] message, ClientBoundType type) => BinaryPrimitives.ReadUInt32LittleEndian(message) == (uint)type;

    private static byte[] With(byte[] message, int offset, uint value)
    {
        byte[] copy = [.. message];
        BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(offset), value);
        return copy;
    }

    private void Connect()
    {
        Assert.Equal(ClientStatus.Ok, _client.Connect(ProtocolVersion.V5_3));
        Assert.Equal(ClientStatus.Ok, _client.RequestOffers());
    }

    private void Prepare(ClientBoundType type)
    {
        if (type != ClientBoundType.VersionResponse) Connect();
    }

    // A request whose answer is of this type, with those before it that it needs.
    private ClientStatus Ask(ClientBoundType type)
    {
        if (type == ClientBoundType.VersionResponse) return _client.Connect(ProtocolVersion.V5_3);
        ClientStatus status = _client.TryOpen(_client.Offers[0], 5, 0, out ClientChannel? channel);
        return type switch
        {
            ClientBoundType.GpadlTorndown => _client.Close(channel!),
            ClientBoundType.ModifyChannelResponse => _client.Retarget(channel!, 1),
            _ => status,
        };
    }

    private void GoesOn()
    {
        _host.Tamper = null;
        Connect();
        Assert.Equal(ClientStatus.Ok, _client.TryOpen(_client.Offers[0], 5, 0, out ClientChannel? channel));
        Assert.Equal(ClientStatus.Ok, _client.Close(channel!));
        Assert.Equal(ClientStatus.Ok, _client.Unload());
    }
}
