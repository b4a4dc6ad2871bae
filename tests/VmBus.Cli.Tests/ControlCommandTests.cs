using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Host;
using VmBus.Host.Consoles;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>The commands that use a control socket, run as a user runs them, against a server here.</summary>
public sealed class ControlCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-cli-control-").FullName;
    private readonly RecordingPartition _partition = new();
    private readonly EventHub _events = new("demo", 100);
    private readonly StringBuilder _typed = new();
    private readonly SharedConsole _console;
    private readonly ControlSocket _socket;
    private readonly ControlServer _server;
    private bool _ended;

    public ControlCommandTests()
    {
        _console = new SharedConsole(new NullConsole(), typed =>
        {
            lock (_typed) _typed.Append(Encoding.UTF8.GetString(typed.Span));
        });
        _socket = ControlSocket.Claim(new ControlSocketOptions(Path.Combine(_folder, "control"), null));
        var verbs = new VerbTable(new PartitionVerbs(_partition, TimeSpan.FromSeconds(7)), new GuestVerbs(_partition.Integration));
        _server = ControlServer.Start(_socket, new ControlServices("test", verbs, _events, _console, _partition.OpenExecAsync, new ControlLimits(), NullLogger.Instance));
    }

    [Theory]
    [InlineData("show", "name      demo\nstate     running\nuptime    1.02:03:04\n")]
    [InlineData("memory show", "assigned  768M\nstart     1G\nmaximum   4G\nballooned 256M\nadded     0\navailable 500M\ncommitted not told yet\ndriver    version 2.0, gives memory back and uses what is added\n")]
    [InlineData("memory set 512M", "the guest has 512M of memory\n")]
    [InlineData("services", "SERVICE                  VERSION  STATE\nHeartbeat                3.0      ready\n")]
    [InlineData("heartbeat", "no contact; 0 beats answered, 0 missed\n")]
    [InlineData("shutdown", "the guest powers off\n")]
    [InlineData("reboot force", "the guest starts again\n")]
    [InlineData("time sync", "the guest has set its clock\n")]
    [InlineData("kvp set Role web", "Role is set in the pool external\n")]
    [InlineData("kvp list guest", "no items\n")]
    [InlineData("kvp remove host:Role", "Role is removed from the pool host\n")]
    [InlineData("ip list", "no network adapters\n")]
    [InlineData("ip set lan 10.0.0.2/8 gateway 10.0.0.1", "the guest uses them on network adapter lan\n")]
    [InlineData("freeze 5", "the guest's file systems are frozen; they are thawed in 5 s at the latest\n")]
    [InlineData("thaw", "the guest's file systems are thawed\n")]
    [InlineData("copy /a /b/ create", "/a copied: 2K in ")]
    [InlineData("disk list", "ID      BUS     LUN       SIZE  FORMAT  STATE     PATH\nsystem  vmbus     0        20G  raw     writable  /images/system.img\n")]
    [InlineData("disk add data.img,id=x", "disk system added: LUN 0, 20G\n")]
    [InlineData("disk resize system 30G", "disk system has 30G now\n")]
    [InlineData("disk remove system", "disk system removed\n")]
    [InlineData("nic list", "lan: tap=vnet0, 02:00:00:00:00:01, link up\n")]
    [InlineData("nic add user,id=lan", "network adapter lan added: tap=vnet0, 02:00:00:00:00:01\n")]
    [InlineData("nic remove lan", "network adapter lan removed\n")]
    [InlineData("stop --no-wait --timeout 5", "the guest is asked to power off; the partition ends in 5 s at the latest\n")]
    [InlineData("top", "demo  running  up 1.02:03:04  VMBus 5.3  (since the channels were opened)\n")]
    public async Task Command_prints_what_became_of_it(string line, string output)
    {
        (int status, string printed, string error) = await RunAsync(line);
        Assert.Equal((0, ""), (status, error));
        Assert.StartsWith(output, printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Top_shows_what_each_channel_has_done()
    {
        string[] lines = (await RunAsync("top")).Output.Split('\n');
        Assert.Equal(
            ["CHANNEL", "DEVICE", "SUB", "CPU", "LANE", "PACKETS", "INTERRUPTS", "KICKS", "I/O", "LATENCY", "BYTES", "IN", "BYTES", "OUT", "RING", "IN", "RING", "OUT"],
            lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(
            ["1", "scsi", "0", "2", "lane-0", "21", "12", "13", "7", "250us", "123M", "512", "25.0%", "0.0%"],
            lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..14]);
        Assert.Equal(["VIRTIO", "DISK", "I/O", "LATENCY", "BYTES", "IN", "BYTES", "OUT", "FAILED"], lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["data", "3", "12.0ms", "4096", "512", "1"], lines[4].Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Top_is_live_on_a_terminal_until_it_is_interrupted()
    {
        // script(1) of util-linux gives it a terminal, and passes on what is typed there. Whoever runs the tests in the background has SIGINT ignored.
        var start = new ProcessStartInfo("env")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string command = $"dotnet {typeof(Program).Assembly.Location} top --interval 0.1 --control {_socket.Path}";
        foreach (string word in new[] { "--default-signal=INT", "script", "-qec", command, "/dev/null" }) start.ArgumentList.Add(word);
        using Process process = Process.Start(start)!;
        string? line;
        do line = await process.StandardOutput.ReadLineAsync();
        while (line is not null && !line.Contains("(per second)", StringComparison.Ordinal));
        Assert.NotNull(line);
        await process.StandardInput.WriteAsync('\u0003');
        await process.StandardInput.FlushAsync();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith("\u001b[?25h\u001b[?1049l", rest, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("show --json", "name", "demo")]
    [InlineData("top --json", "bus", "5.3")]
    [InlineData("disk add /x --json", "path", "/images/system.img")]
    [InlineData("heartbeat --json", "state", "no-contact")]
    public async Task Json_is_the_result_of_the_contract(string line, string key, string value)
    {
        using var json = JsonDocument.Parse((await RunAsync(line)).Output);
        Assert.Equal(value, json.RootElement.GetProperty(key).GetString());
    }

    [Fact]
    public async Task Path_of_a_disk_is_meant_from_where_the_command_is_given()
    {
        await RunAsync("disk add a,,b.img,readonly");
        Assert.Equal([$"add {_folder}/a,b.img  readonly"], _partition.Asked);
    }

    [Fact]
    public async Task Socket_is_the_one_that_the_environment_names()
    {
        (int status, string output, _) = await RunAsync("show", fromEnvironment: true);
        Assert.Equal(0, status);
        Assert.StartsWith("name      demo\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusal_of_the_partition_is_one_line_and_1()
    {
        _partition.Refusal = new IOException("There is no disk 'x':\nthere is none.");
        Assert.Equal((1, "", "vmbus: There is no disk 'x': there is none.\n"), await RunAsync("disk remove x"));
    }

    [Theory]
    [InlineData(PartitionEnd.PoweredOff, "stop", 0, "")]
    [InlineData(PartitionEnd.Terminated, "stop", 1, "vmbus: demo did not power off in time, and was ended\n")]
    [InlineData(PartitionEnd.Crashed, "stop", 3, "vmbus: demo has ended, crashed: why\n")]
    [InlineData(PartitionEnd.Terminated, "kill", 0, "")]
    public async Task Stop_and_kill_wait_for_the_end_and_tell_how_it_was(PartitionEnd end, string line, int status, string error)
    {
        _partition.WhenAsked = _ =>
        {
            (string name, VmBus.Management.Values.ControlEvent fields) = Reports.Of(
                "demo", new PartitionEvent.Ended(DateTimeOffset.UtcNow, new PartitionResult(end, end == PartitionEnd.Crashed ? "why" : "")));
            _events.Publish(name, fields);
        };
        Assert.Equal((status, "", error), await RunAsync(line));
        Assert.Equal([line == "stop" ? "poweroff 7" : "quit"], _partition.Asked);
    }

    [Fact]
    public async Task Events_are_printed_a_line_each_until_the_end_without_what_would_move_the_cursor()
    {
        Task<(int Status, string Output, string Error)> following = RunAsync("events");
        Task<(int Status, string Output, string Error)> json = RunAsync("events --json");
        while (_events.FollowerCount < 2) await Task.Yield();
        var fields = new VmBus.Management.Values.ControlEvent(0, "demo", null, "\u001b[2Jboom\n", null, null, null);
        _events.Publish(PartitionEventName.Crashed, fields);
        _events.Publish(PartitionEventName.ChannelClosed, fields with { Detail = null, Channel = 3, Device = "network", Subchannel = 1 });
        End();
        Assert.Equal(
            "1970-01-01T00:00:00.000Z  demo  partition.crashed   [2Jboom \n1970-01-01T00:00:00.000Z  demo  channel.closed  channel 3, network, sub-channel 1\n",
            (await following).Output);
        string[] lines = (await json).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        using var first = JsonDocument.Parse(lines[0]);
        Assert.Equal((PartitionEventName.Crashed, "\u001b[2Jboom\n"), (first.RootElement.GetProperty("event").GetString(), first.RootElement.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task Console_shows_types_and_is_left_by_its_key()
    {
        _console.Write("welcome\n"u8);
        using Process process = Start("console", fromEnvironment: false);
        Assert.Equal("welcome", await process.StandardOutput.ReadLineAsync());
        await process.StandardInput.WriteAsync("ls\u0001\u0001\r\u0001hx");
        await process.StandardInput.FlushAsync();
        // What is typed after the key is for nobody; the console's input stays open, so only the key can end it.
        for (string typed = ""; typed != "ls\u0001\rx"; await Task.Yield())
        {
            lock (_typed) typed = _typed.ToString();
        }

        await process.StandardInput.WriteAsync("\u0001d not typed");
        await process.StandardInput.FlushAsync();
        Assert.Contains("Ctrl-A d", await process.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        End();
        lock (_typed) Assert.Equal("ls\u0001\rx", _typed.ToString());
    }

    [Fact]
    public async Task Console_without_typing_shows_everything_until_the_end()
    {
        Task<(int Status, string Output, string Error)> attached = RunAsync("console --scrollback 0", input: "typed\r");
        while (true)
        {
            lock (_typed)
            {
                if (_typed.ToString() == "typed\r") break;
            }

            await Task.Yield();
        }

        _console.Write("the last words"u8);
        End();
        Assert.Equal((0, "the last words", ""), await attached);
    }

    public void Dispose()
    {
        End();
        Directory.Delete(_folder, recursive: true);
    }

    private void End()
    {
        if (_ended) return;
        _ended = true;
        _server.Dispose();
        _console.Dispose();
        _socket.Dispose();
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(string line, bool fromEnvironment = false, string input = "")
    {
        using Process process = Start(line, fromEnvironment);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    private Process Start(string line, bool fromEnvironment)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = _folder,
        };
        start.ArgumentList.Add(typeof(Program).Assembly.Location);
        foreach (string word in line.Split(' ')) start.ArgumentList.Add(word);
        if (fromEnvironment) start.Environment[ControlProtocol.SocketVariable] = _socket.Path;
        else start.ArgumentList.Add($"--control={_socket.Path}");
        return Process.Start(start)!;
    }
}
