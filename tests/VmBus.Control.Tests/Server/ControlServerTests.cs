using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Host;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>What clients ask for is carried out, and no client is in another's way.</summary>
public sealed class ControlServerTests
{
    [Fact]
    public async Task Verbs_over_the_socket_do_and_answer_what_they_do_and_answer_here()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        foreach (IControlCaller caller in new IControlCaller[] { client, server.Verbs })
        {
            PartitionReport shown = await caller.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
            Assert.Equal(("guest", "running", 90_000, "5.3"), (shown.Name, shown.State, shown.UptimeMs, shown.Bus));
            Assert.Equal(["system"], (await caller.CallAsync(PartitionVerb.ListDisks, NoValue.Instance, server.Timely)).Disks.Select(disk => disk.Id));
            Assert.Equal("/a,b", (await caller.CallAsync(PartitionVerb.AddDisk, new AddRequest("/a,,b,readonly"), server.Timely)).Path);
            Assert.Equal("lan", Assert.Single((await caller.CallAsync(PartitionVerb.ListNics, NoValue.Instance, server.Timely)).Nics).Id);
            Assert.Equal("lan", (await caller.CallAsync(PartitionVerb.AddNic, new AddRequest("user"), server.Timely)).Id);
            Assert.True((await caller.CallAsync(PartitionVerb.RemoveNic, new RemoveRequest("lan"), server.Timely)).Done);
            Assert.Equal(30_000, (await caller.CallAsync(PartitionVerb.PowerOff, new PowerOffRequest(null), server.Timely)).LimitMs);
            await caller.CallAsync(PartitionVerb.PowerOff, new PowerOffRequest(1500), server.Timely);
            await caller.CallAsync(PartitionVerb.Kill, NoValue.Instance, server.Timely);
        }

        string[] once = ["add /a,b", "nic user", "unplug lan", "poweroff 30", "poweroff 1.5", "kill"];
        Assert.Equal(once.Concat(once), server.Partition.Asked);
    }

    [Fact]
    public async Task Refusals_have_a_code_and_the_partitions_own_line_and_the_connection_goes_on()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();

        async Task Refused<TParameters, TResult>(ControlErrorCode code, string named, ControlVerb<TParameters, TResult> verb, TParameters parameters)
            where TParameters : IControlValue<TParameters>
            where TResult : IControlValue<TResult>
        {
            ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => client.CallAsync(verb, parameters, server.Timely));
            Assert.Equal(code, refusal.Code);
            Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refusal.Message);
        }

        await Refused(ControlErrorCode.Failed, "There is no disk 'other': there are system.", PartitionVerb.RemoveDisk, new RemoveRequest("other"));
        await Refused(ControlErrorCode.BadParameters, "colour", PartitionVerb.AddDisk, new AddRequest("/a,colour=red"));
        await Refused(ControlErrorCode.BadParameters, "absolute path", PartitionVerb.AddDisk, new AddRequest("a.img"));
        await Refused(ControlErrorCode.BadParameters, "absolute path", PartitionVerb.AddDisk, new AddRequest("/a\0b"));
        await Refused(ControlErrorCode.BadParameters, "wire=x", PartitionVerb.AddNic, new AddRequest("wire=x"));
        await Refused(ControlErrorCode.BadParameters, "-1 bytes", PartitionVerb.ResizeDisk, new ResizeRequest("system", -1));
        await Refused(ControlErrorCode.BadParameters, "-5 ms", PartitionVerb.PowerOff, new PowerOffRequest(-5));
        await Refused(ControlErrorCode.Internal, "the log says how", PartitionVerb.ResizeDisk, new ResizeRequest("bug", null));
        await Refused(ControlErrorCode.UnknownVerb, "disk.burn", new ControlVerb<NoValue, NoValue>("disk.burn"), NoValue.Instance);
        await Refused(ControlErrorCode.BadParameters, "'id' is missing", new ControlVerb<NoValue, NoValue>("disk.remove"), NoValue.Instance);
        Assert.Empty(server.Partition.Asked);
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Fact]
    public async Task Client_that_waits_for_a_slow_verb_does_not_hold_up_itself_or_another()
    {
        using var server = new RunningServer();
        await using NetworkStream slow = await server.GreetRawAsync();
        await slow.WriteAsync(ControlMessage.Request(2, PartitionVerb.ResizeDisk.Name, new ResizeRequest("system", 5)), server.Timely);
        server.Partition.ResizeBegun.Wait(server.Timely);
        await slow.WriteAsync(ControlMessage.Request(3, PartitionVerb.ListDisks.Name, NoValue.Instance), server.Timely);
        Assert.Equal(3u, (await server.ReceiveAsync(slow))!.Id);
        await using (ControlClient other = await server.ConnectAsync()) await other.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
        server.Partition.Resizing.Set();
        ControlMessage answer = (await server.ReceiveAsync(slow))!;
        Assert.Equal((2u, 5L), (answer.Id, answer.ReadBody<ResizeReply>().Disk.Bytes));
    }

    [Fact]
    public async Task Half_sent_request_holds_nobody_up_and_its_sender_is_told_and_left()
    {
        using var server = new RunningServer(new ControlLimits { MessageTime = TimeSpan.FromSeconds(1) });
        await using NetworkStream half = await server.GreetRawAsync();
        ReadOnlyMemory<byte> request = ControlMessage.Request(2, PartitionVerb.Show.Name, NoValue.Instance);
        await half.WriteAsync(request[..^3], server.Timely);
        await using (ControlClient other = await server.ConnectAsync()) await other.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
        await ExpectFarewellAsync(server, half, ControlErrorCode.TimedOut);
    }

    [Fact]
    public async Task Connection_without_a_hello_is_told_and_left()
    {
        using var server = new RunningServer(new ControlLimits { MessageTime = TimeSpan.FromMilliseconds(100) });
        await using NetworkStream silent = await server.ConnectRawAsync();
        await ExpectFarewellAsync(server, silent, ControlErrorCode.TimedOut);
    }

    [Theory]
    [InlineData("00 00 00 00", ControlErrorCode.BadMessage)]
    [InlineData("01 00 01 00 c0", ControlErrorCode.BadMessage)]
    [InlineData("ff ff ff ff c0", ControlErrorCode.BadMessage)]
    [InlineData("01 00 00 00 c0", ControlErrorCode.BadMessage)]
    [InlineData("05 00 00 00 94 01 01 c0 80", ControlErrorCode.BadMessage)]
    public async Task Message_that_is_none_or_too_long_ends_the_connection_with_a_reason_and_no_other(string hex, ControlErrorCode code)
    {
        using var server = new RunningServer();
        await using ControlClient other = await server.ConnectAsync();
        await using NetworkStream bad = await server.GreetRawAsync();
        await bad.WriteAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), server.Timely);
        await ExpectFarewellAsync(server, bad, code);
        await other.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Fact]
    public async Task Request_before_the_hello_and_a_version_that_is_not_spoken_are_refused()
    {
        using var server = new RunningServer();
        await using NetworkStream rude = await server.ConnectRawAsync();
        await rude.WriteAsync(ControlMessage.Request(1, PartitionVerb.Show.Name, NoValue.Instance), server.Timely);
        await ExpectFarewellAsync(server, rude, ControlErrorCode.BadMessage);
        foreach ((int least, int most) in new[] { (2, 9), (0, 0), (5, 1) })
        {
            await using NetworkStream other = await server.ConnectRawAsync();
            await other.WriteAsync(ControlMessage.Request(1, ControlProtocol.Hello.Name, new HelloRequest("other", least, most)), server.Timely);
            await ExpectFarewellAsync(server, other, ControlErrorCode.Version);
        }

        await using NetworkStream newer = await server.ConnectRawAsync();
        await newer.WriteAsync(ControlMessage.Request(1, ControlProtocol.Hello.Name, new HelloRequest("newer", 1, 9)), server.Timely);
        Assert.Equal(1, (await server.ReceiveAsync(newer))!.ReadBody<HelloReply>().Version);
    }

    [Fact]
    public async Task Connections_above_the_limit_are_told_so_and_a_client_that_vanishes_makes_room()
    {
        using var server = new RunningServer(new ControlLimits { Connections = 2 });
        await using ControlClient first = await server.ConnectAsync();
        NetworkStream second = await server.GreetRawAsync();
        for (int i = 0; i < 100; i++)
            Assert.Equal(ControlErrorCode.Busy, (await Assert.ThrowsAsync<ControlException>(server.ConnectAsync)).Code);

        // It goes while what it asked for waits: nobody will hear the answer, so nobody waits for it.
        await second.WriteAsync(ControlMessage.Request(2, PartitionVerb.RemoveDisk.Name, new RemoveRequest("system")), server.Timely);
        await second.DisposeAsync();
        await ConnectAtLastAsync(server);
        await first.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Fact]
    public async Task Client_that_does_not_read_its_answers_is_left_and_makes_room()
    {
        using var server = new RunningServer(new ControlLimits { Connections = 1, SendTime = TimeSpan.FromMilliseconds(200) });
        server.Partition.DiskCount = 5_000;
        await using NetworkStream deaf = await server.GreetRawAsync();
        for (uint id = 2; id < 10; id++) await deaf.WriteAsync(ControlMessage.Request(id, PartitionVerb.ListDisks.Name, NoValue.Instance), server.Timely);
        await ConnectAtLastAsync(server);
    }

    [Fact]
    public async Task Answer_that_is_too_long_is_said_to_be()
    {
        using var server = new RunningServer();
        server.Partition.DiskCount = 100_000;
        await using ControlClient client = await server.ConnectAsync();
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => client.CallAsync(PartitionVerb.ListDisks, NoValue.Instance, server.Timely));
        Assert.Equal(ControlErrorCode.Failed, refusal.Code);
    }

    [Fact]
    public async Task Request_that_waits_when_the_partition_ends_is_answered_so()
    {
        using var server = new RunningServer();
        await using NetworkStream client = await server.GreetRawAsync();
        await client.WriteAsync(ControlMessage.Request(2, PartitionVerb.RemoveDisk.Name, new RemoveRequest("system")), server.Timely);
        await client.WriteAsync(ControlMessage.Request(3, PartitionVerb.ResizeDisk.Name, new ResizeRequest("system", 5)), server.Timely);
        server.Partition.ResizeBegun.Wait(server.Timely);
        Task end = Task.Run(server.End);
        ControlMessage removal = (await server.ReceiveAsync(client))!;
        Assert.Equal((2u, ControlErrorCode.Ended), (removal.Id, removal.Error!.Code));
        // The partition is not let go of while a verb still works on it.
        Assert.False(end.IsCompleted);
        server.Partition.Resizing.Set();
        Assert.Equal(3u, (await server.ReceiveAsync(client))!.Id);
        Assert.Null(await server.ReceiveAsync(client));
        await end;
        await Assert.ThrowsAsync<ControlException>(server.ConnectAsync);
    }

    [Fact]
    public void Events_of_a_partition_have_the_names_and_words_of_the_contract()
    {
        DateTimeOffset time = DateTimeOffset.FromUnixTimeMilliseconds(5);
        var plain = new ControlEvent(5, "guest", null, null, null, null, null);
        Assert.Equal((PartitionEventName.Started, plain), Reports.Of("guest", new PartitionEvent.Started(time)));
        Assert.Equal((PartitionEventName.Reset, plain with { Detail = "by a triple fault" }), Reports.Of("guest", new PartitionEvent.Reset(time, "a triple fault")));
        Assert.Equal((PartitionEventName.Crashed, plain with { Detail = "why" }), Reports.Of("guest", new PartitionEvent.Crashed(time, "why")));
        foreach ((PartitionEnd end, string reason) in new[]
        {
            (PartitionEnd.PoweredOff, "powered-off"), (PartitionEnd.Reset, "reset"), (PartitionEnd.Crashed, "crashed"), (PartitionEnd.Terminated, "terminated"),
            (PartitionEnd.Failed, "failed"),
        })
        {
            Assert.Equal(
                (PartitionEventName.Ended, plain with { Reason = reason }), Reports.Of("guest", new PartitionEvent.Ended(time, new PartitionResult(end))));
        }

        Assert.Equal(
            (PartitionEventName.ChannelOpened, plain with { Channel = 3, Device = "other", Subchannel = 1 }),
            Reports.Of("guest", new PartitionEvent.ChannelOpened(time, 3, Guid.Empty, 1)));
    }

    [Fact]
    public void Limits_are_those_of_the_page()
    {
        SpecNumbers page = SpecPage.Load("control.md").Numbers("limits");
        var limits = new ControlLimits();
        Assert.Equal((ulong)limits.Connections, page["Connections"]);
        Assert.Equal((ulong)limits.RequestsPerConnection, page["RequestsPerConnection"]);
        Assert.Equal((ulong)limits.Requests, page["Requests"]);
        Assert.Equal((ulong)limits.WaitingEvents, page["WaitingEvents"]);
        Assert.Equal((ulong)limits.MessageTime.TotalMilliseconds, page["MessageTimeMs"]);
        Assert.Equal((ulong)limits.SendTime.TotalMilliseconds, page["SendTimeMs"]);
        Assert.Equal((ulong)limits.FarewellTime.TotalMilliseconds, page["FarewellTimeMs"]);
    }

    [Fact]
    public void Every_verb_of_the_page_is_carried_out_somewhere()
    {
        using var server = new RunningServer();
        SpecTable page = SpecPage.Load("control.md").Table("verbs");
        string[] connection =
            [ControlProtocol.Hello.Name, ControlProtocol.FollowEvents.Name, ControlProtocol.AttachConsole.Name, ControlProtocol.OpenExec.Name, ControlProtocol.OpenTrace.Name];
        Assert.Equal(
            Enumerable.Range(0, page.RowCount).Select(row => page.Cell(row, "verb")).Order(StringComparer.Ordinal),
            server.Verbs.Names.Concat(connection).Order(StringComparer.Ordinal));
    }

    private static async Task ExpectFarewellAsync(RunningServer server, NetworkStream client, ControlErrorCode code)
    {
        ControlMessage last = (await server.ReceiveAsync(client))!;
        Assert.Equal((0u, code), (last.Id, last.Error!.Code));
        Assert.Null(await server.ReceiveAsync(client));
    }

    // The server needs a moment to notice that a client has gone; the test's patience is the limit.
    private static async Task ConnectAtLastAsync(RunningServer server)
    {
        while (true)
        {
            server.Timely.ThrowIfCancellationRequested();
            try
            {
                await using ControlClient client = await server.ConnectAsync();
                return;
            }
            catch (ControlException exception) when (exception.Code == ControlErrorCode.Busy)
            {
                await Task.Yield();
            }
        }
    }
}
