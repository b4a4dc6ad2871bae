using System.Net.Sockets;
using System.Text;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>Partitions from their definition to their end, the service ended and killed in between.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class LifecycleTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private readonly RunningService _service = new();

    public Task InitializeAsync() => _service.StartAsync();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Partition_is_defined_started_stopped_and_undefined_and_events_tell_of_it()
    {
        await using ControlClient follower = await _service.ConnectAsync();
        await follower.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, _service.Timely);
        Assert.Equal("off", (await _service.DefineAsync("web", "\"cpus\":2")).State);
        Assert.Contains("defined already", await RefusalOf(() => _service.DefineAsync("web")), StringComparison.Ordinal);
        PartitionStatus running = await _service.StartPartitionAsync("web");
        Assert.Equal(("running", 2), (running.State, running.Processors));
        Assert.Contains("is running already", await RefusalOf(() => _service.AskAsync(ServiceVerb.Start, new NameRequest("web"))), StringComparison.Ordinal);
        Assert.Contains("'vmbus stop web' first", await RefusalOf(() => _service.AskAsync(ServiceVerb.Undefine, new NameRequest("web"))), StringComparison.Ordinal);
        await using (ControlClient worker = await ControlClient.ConnectAsync(running.Control!, "test", _service.Timely))
            await worker.CallAsync(PartitionVerb.PowerOff, new PowerOffRequest(null), _service.Timely);
        await _service.WaitForAsync(static status => status is { State: "off", EndReason: "powered-off", Process: null });
        await _service.StartPartitionAsync("web");
        Assert.Equal("powered-off", (await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", null, true))).Reason);
        await _service.AskAsync(ServiceVerb.Undefine, new NameRequest("web"));
        Assert.Empty(Directory.GetFiles(_service.Definitions));
        string[] expected = ["partition.defined", "partition.started", "partition.ended", "partition.started", "partition.ended", "partition.undefined"];
        List<string> seen = [];
        while (seen.Count < expected.Length) seen.Add((await follower.NextEventAsync(_service.Timely))!.Value.Name);
        Assert.Equal(expected, seen);
    }

    [Fact]
    public async Task Worker_that_does_not_start_is_told_with_its_own_words_and_not_tried_again()
    {
        await _service.DefineAsync("web", "\"append\":\"refuse\",\"restart\":\"always\"");
        Assert.Equal("web does not start: Disk '/none.img': there is no such file.", await RefusalOf(() => _service.AskAsync(ServiceVerb.Start, new NameRequest("web"))));
        Assert.Equal(("off", "failed"), ((await _service.ShowAsync()).State, (await _service.ShowAsync()).EndReason));
    }

    [Fact]
    public async Task Killed_worker_is_told_and_stays_off_where_the_policy_says_nothing()
    {
        await _service.DefineAsync("web");
        await _service.SignalAsync(await _service.StartPartitionAsync("web"), "KILL");
        PartitionStatus off = await _service.WaitForAsync(static status => status.State == "off");
        Assert.Equal("died", off.EndReason);
        Assert.Contains("ended by signal 9", off.EndDetail, StringComparison.Ordinal);
        await _service.StartPartitionAsync("web");
    }

    [Theory]
    [InlineData("on-crash", "USR1", true)]
    [InlineData("on-crash", "KILL", true)]
    [InlineData("on-crash", "USR2", false)]
    [InlineData("always", "USR2", true)]
    public async Task Policy_says_whether_an_end_is_followed_by_a_restart(string policy, string signal, bool restarts)
    {
        await _service.DefineAsync("web", $"\"restart\":\"{policy}\"");
        PartitionStatus first = await _service.StartPartitionAsync("web");
        await _service.SignalAsync(first, signal);
        PartitionStatus next = await _service.WaitForAsync(status => status.EndReason is not null && status.State == (restarts ? "running" : "off"));
        Assert.Equal(restarts, next.Process is not null);
        if (!restarts) return;
        Assert.NotEqual(first.Process, next.Process);
        Assert.Equal("powered-off", (await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", null, true))).Reason);
        Assert.Equal("off", (await _service.ShowAsync()).State);
        Assert.Contains("web|Is started again in 1 s", _service.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Worker_that_does_not_power_off_is_killed_when_asked()
    {
        await _service.DefineAsync("web", "\"append\":\"deaf\"");
        await _service.StartPartitionAsync("web");
        Assert.Null((await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", 1000, false))).Reason);
        Assert.Equal("stopping", (await _service.ShowAsync()).State);
        Assert.Equal("terminated", (await _service.AskAsync(ServiceVerb.Kill, new NameRequest("web"))).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Service_that_ends_leaves_workers_and_the_next_finds_them(bool byForce)
    {
        await _service.DefineAsync("web");
        PartitionStatus before = await _service.StartPartitionAsync("web");
        await RestartServiceAsync(byForce);
        PartitionStatus after = await _service.WaitForAsync(static status => status.State == "running");
        Assert.Equal((before.Process, before.StartedMs), (after.Process, after.StartedMs));
        Assert.Equal("powered-off", (await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", null, true))).Reason);
    }

    [Fact]
    public async Task End_that_was_asked_for_is_followed_by_nothing_even_when_another_service_sees_it()
    {
        await _service.DefineAsync("web", "\"append\":\"deaf\",\"restart\":\"always\"");
        PartitionStatus running = await _service.StartPartitionAsync("web");
        await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", 60_000, false));
        await RestartServiceAsync(byForce: true);
        await _service.SignalAsync(running, "USR2");
        PartitionStatus ended = await _service.WaitForAsync(static status => status.EndReason is not null);
        Assert.Equal(("off", "powered-off"), (ended.State, ended.EndReason));
    }

    [Fact]
    public async Task Worker_without_a_record_is_found_by_its_socket()
    {
        await _service.DefineAsync("web");
        PartitionStatus before = await _service.StartPartitionAsync("web");
        await _service.KillAsync();
        File.Delete(_service.StateFile("web", "worker.json"));
        await _service.StartAsync();
        Assert.Equal(before.Process, (await _service.WaitForAsync(static status => status.State == "running")).Process);
    }

    [Theory]
    [InlineData("USR1", "crashed", "kernel panic")]
    [InlineData("KILL", "died", "has not said how")]
    public async Task End_that_no_service_saw_is_told_by_the_next(string signal, string reason, string detail)
    {
        await _service.DefineAsync("web");
        PartitionStatus before = await _service.StartPartitionAsync("web");
        await _service.KillAsync();
        await _service.SignalAsync(before, signal);
        while (File.Exists($"/proc/{before.Process}")) await Task.Delay(20, _service.Timely);
        await _service.StartAsync();
        PartitionStatus after = await _service.ShowAsync();
        Assert.Equal(("off", reason), (after.State, after.EndReason));
        Assert.Contains(detail, after.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Worker_whose_definition_is_gone_is_found_and_forgotten_at_its_end()
    {
        await _service.DefineAsync("web", "\"restart\":\"always\"");
        await _service.StartPartitionAsync("web");
        await _service.KillAsync();
        File.Delete(Path.Combine(_service.Definitions, "web.json"));
        await _service.StartAsync();
        Assert.Equal("its definition file is gone", (await _service.WaitForAsync(static status => status.State == "running")).Problem);
        await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", null, true));
        Assert.Empty((await _service.AskAsync(ServiceVerb.List, NoValue.Instance)).Partitions);
    }

    [Fact]
    public async Task Partition_with_autostart_is_started_with_the_service()
    {
        await _service.DefineAsync("web");
        Assert.True((await _service.AskAsync(ServiceVerb.Autostart, new AutostartRequest("web", true))).Autostart);
        await RestartServiceAsync(byForce: false);
        await _service.WaitForAsync(static status => status.State == "running");
    }

    [Fact]
    public async Task Changed_file_is_noticed_and_the_worker_left_alone()
    {
        await _service.DefineAsync("web");
        PartitionStatus before = await _service.StartPartitionAsync("web");
        string file = Path.Combine(_service.Definitions, "web.json");
        await File.WriteAllTextAsync(file, """{"kernel":"/k","cpus":""");
        PartitionStatus half = await _service.WaitForAsync(static status => status.Problem is not null);
        Assert.Contains("it is no JSON", half.Problem, StringComparison.Ordinal);
        Assert.Equal((1, false), (half.Processors, half.Changed));
        await File.WriteAllTextAsync(file, """{"kernel":"/k","cpus":3}""");
        PartitionStatus whole = await _service.WaitForAsync(static status => status.Changed);
        Assert.Equal((3, before.Process, null), (whole.Processors, whole.Process, whole.Problem));
        await File.WriteAllTextAsync(Path.Combine(_service.Definitions, "bad.json"), "{}");
        ReloadReply reload = await _service.AskAsync(ServiceVerb.Reload, NoValue.Instance);
        Assert.Equal(1, reload.Partitions);
        Assert.Contains("bad.json: one of kernel, disks must be there", Assert.Single(reload.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Second_service_on_the_same_state_folder_ends_with_one_line()
    {
        (int status, string errors) = await _service.StartSecondAsync();
        Assert.Equal((1, $"vmbusd: Another service keeps its state in '{_service.State}' (Service:State): end that one, or use another folder.\n"), (status, errors));
        Assert.Empty((await _service.AskAsync(ServiceVerb.List, NoValue.Instance)).Partitions);
    }

    [Fact]
    public async Task Systemd_hears_that_the_service_is_ready_alive_and_ends()
    {
        await _service.KillAsync();
        string path = Path.Combine(_service.State, "notify");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        await _service.StartAsync(("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "200000"));
        byte[] buffer = new byte[256];
        async Task HearAsync(string expected)
        {
            string heard;
            do heard = Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, _service.Timely));
            while (!heard.Contains(expected, StringComparison.Ordinal));
        }

        await HearAsync("READY=1");
        await HearAsync("WATCHDOG=1");
        Assert.Equal(0, await _service.StopAsync());
        await HearAsync("STOPPING=1");
    }

    [Fact]
    public async Task Service_that_is_asked_to_end_before_all_of_it_has_begun_ends_as_one_that_has()
    {
        await _service.StopAsync();
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(0, await _service.StopWhileStartingAsync());
            Assert.DoesNotContain("xception", _service.Errors, StringComparison.Ordinal);
            Assert.False(File.Exists(_service.Socket));
        }
    }

    private async Task RestartServiceAsync(bool byForce)
    {
        if (byForce) await _service.KillAsync();
        else Assert.Equal(0, await _service.StopAsync());
        await _service.StartAsync();
    }

    private static async Task<string> RefusalOf(Func<Task> request) => (await Assert.ThrowsAsync<ControlException>(request)).Message;
}
