using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>Followers hear of everything that happens while they follow, in order, and of what they have missed.</summary>
public sealed class EventTests
{
    private static readonly ControlEvent Something = new(1, "guest", null, null, null, null, null);

    [Fact]
    public async Task Two_followers_get_every_event_in_order_and_answers_between_them()
    {
        using var server = new RunningServer();
        await using ControlClient first = await server.ConnectAsync();
        await using ControlClient second = await server.ConnectAsync();
        foreach (ControlClient client in new[] { first, second }) await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        for (uint channel = 0; channel < 50; channel++)
        {
            server.Events.Publish(PartitionEventName.ChannelOpened, Something with { Channel = channel });
            if (channel % 10 == 0) await first.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
        }

        foreach (ControlClient client in new[] { first, second })
        {
            for (uint channel = 0; channel < 50; channel++)
                Assert.Equal((PartitionEventName.ChannelOpened, Something with { Channel = channel }), await client.NextEventAsync(server.Timely));
        }
    }

    [Fact]
    public async Task Last_event_reaches_followers_before_the_connection_ends()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        server.Events.Publish(PartitionEventName.Ended, Something with { Reason = "powered-off" });
        server.End();
        Assert.Equal("powered-off", (await client.NextEventAsync(server.Timely))!.Value.Fields.Reason);
        Assert.Null(await client.NextEventAsync(server.Timely));
    }

    [Fact]
    public async Task Second_wish_to_follow_is_refused_and_the_first_goes_on()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        await Assert.ThrowsAsync<ControlException>(() => client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely));
        server.Events.Publish(PartitionEventName.Started, Something);
        Assert.Equal(PartitionEventName.Started, (await client.NextEventAsync(server.Timely))!.Value.Name);
    }

    [Fact]
    public void Follower_that_does_not_read_costs_a_bounded_queue_and_is_told_where_the_gap_is()
    {
        var hub = new EventHub("guest", maximumWaiting: 4);
        EventHub.Follower follower = hub.Follow();
        for (uint channel = 0; channel < 10; channel++) hub.Publish(PartitionEventName.ChannelOpened, Something with { Channel = channel });
        Assert.Equal(4, follower.Events.Reader.Count);
        for (int i = 0; i < 4; i++) Assert.True(follower.Events.Reader.TryRead(out _));
        hub.Publish(PartitionEventName.ChannelClosed, Something);
        Assert.True(follower.Events.Reader.TryRead(out (string Name, ControlEvent Fields) gap));
        Assert.Equal(PartitionEventName.Lost, gap.Name);
        Assert.StartsWith("6 events", gap.Fields.Detail, StringComparison.Ordinal);
        Assert.True(follower.Events.Reader.TryRead(out (string Name, ControlEvent Fields) next));
        Assert.Equal(PartitionEventName.ChannelClosed, next.Name);
    }

    [Fact]
    public void Last_event_finds_room_in_a_full_queue()
    {
        var hub = new EventHub("guest", maximumWaiting: 2);
        EventHub.Follower follower = hub.Follow();
        for (int i = 0; i < 5; i++) hub.Publish(PartitionEventName.ChannelOpened, Something);
        hub.Publish(PartitionEventName.Ended, Something);
        string[] names = [.. Enumerable.Range(0, follower.Events.Reader.Count).Select(_ => follower.Events.Reader.TryRead(out (string Name, ControlEvent Fields) read) ? read.Name : "")];
        Assert.Equal([PartitionEventName.ChannelOpened, PartitionEventName.ChannelOpened, PartitionEventName.Lost, PartitionEventName.Ended], names);
    }

    [Fact]
    public async Task Follower_that_vanishes_is_forgotten_and_the_others_go_on()
    {
        using var server = new RunningServer(new ControlLimits { Connections = 2 });
        await using ControlClient other = await server.ConnectAsync();
        await other.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        NetworkStream gone = await server.GreetRawAsync();
        await gone.WriteAsync(ControlMessage.Request(2, ControlProtocol.FollowEvents.Name, NoValue.Instance), server.Timely);
        Assert.NotNull(await server.ReceiveAsync(gone));
        await gone.DisposeAsync();
        server.Events.Publish(PartitionEventName.Started, Something);
        Assert.Equal(PartitionEventName.Started, (await other.NextEventAsync(server.Timely))!.Value.Name);
    }
}
