using System.Diagnostics;
using System.Net.Sockets;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>What goes wrong around a service: a full disk, a kill at any moment, clients without end. Nothing is lost, nothing hangs, and each error is one line.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class FaultTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private const int Many = 1000;

    private readonly RunningService _service = new();
    private readonly List<string> _mounts = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        // Workers go first, while the records by which they are found can be read.
        foreach (string mount in _mounts) await RunAsync("umount", "--lazy", mount);
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task Definition_that_does_not_fit_the_disk_is_refused_in_one_line_and_leaves_the_old_one_whole()
    {
        await MountSmallAsync(_service.Definitions);
        await _service.StartAsync();
        await _service.DefineAsync("web");
        string old = await File.ReadAllTextAsync(Path.Combine(_service.Definitions, "web.json"));
        string[] before = Fill(_service.Definitions);
        var larger = new DefineRequest("web", $$"""{"kernel":"/k","append":"{{new string('x', 4000)}}","vsock":"/{{new string('y', 8000)}}"}""", true);
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => _service.AskAsync(ServiceVerb.Define, larger));
        AssertFull(refusal.Message);
        AssertFull((await Assert.ThrowsAsync<ControlException>(() => _service.AskAsync(ServiceVerb.Define, larger with { Name = "other" }))).Message);
        Assert.Equal(before, Directory.GetFiles(_service.Definitions).Order(StringComparer.Ordinal));
        Assert.Equal(old, await File.ReadAllTextAsync(Path.Combine(_service.Definitions, "web.json")));
        File.Delete(Path.Combine(_service.Definitions, "fill"));
        await _service.AskAsync(ServiceVerb.Define, larger);
        Assert.Null((await _service.ShowAsync()).Problem);
    }

    [Fact]
    public async Task Partition_is_not_started_where_its_record_does_not_fit_and_starts_when_there_is_room()
    {
        await MountSmallAsync(_service.State);
        await _service.StartAsync();
        await _service.DefineAsync("web");
        Fill(_service.State);
        AssertFull((await Assert.ThrowsAsync<ControlException>(() => _service.StartPartitionAsync("web"))).Message);
        PartitionStatus refused = await _service.ShowAsync();
        Assert.Equal(("off", null), (refused.State, refused.Process));
        Assert.Empty(_service.Workers());
        File.Delete(Path.Combine(_service.State, "fill"));
        Assert.Equal("running", (await _service.StartPartitionAsync("web")).State);
        await _service.AskAsync(ServiceVerb.Kill, new NameRequest("web"));
    }

    [Fact]
    public async Task Service_that_is_killed_at_any_moment_of_a_start_leaves_one_worker_or_none_and_the_next_knows_it()
    {
        await _service.StartAsync();
        await _service.DefineAsync("web");
        for (int delayMs = 0; delayMs <= 240; delayMs += 20)
        {
            Task start = _service.StartPartitionAsync("web");
            await Task.Delay(delayMs, _service.Timely);
            await _service.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await start;
                throw new IOException("It was started before.");
            });
            await _service.StartAsync();
            PartitionStatus found = await _service.WaitForAsync(static status => status.State is "running" or "off");
            PartitionStatus running = found.State == "off" ? await _service.StartPartitionAsync("web") : found;
            Assert.Equal("running", running.State);
            Assert.Equal([(int)running.Process!.Value], _service.Workers());
            await _service.AskAsync(ServiceVerb.Kill, new NameRequest("web"));
            Assert.Empty(_service.Workers());
        }
    }

    [Fact]
    public async Task Thousand_connections_that_say_nothing_do_not_keep_others_out_for_long()
    {
        await _service.StartAsync();
        await _service.DefineAsync("web");
        PartitionStatus running = await _service.StartPartitionAsync("web");
        var crowd = new List<Socket>();
        try
        {
            for (int i = 0; i < Many; i++)
            {
                crowd.Add(await JoinAsync());
            }

            // Those above the limit are told at once, the others when they have said nothing for too long: then there is room, though all are still here.
            while (true)
            {
                try
                {
                    Assert.Equal(running.Process, (await _service.ShowAsync()).Process);
                    break;
                }
                catch (ControlException busy) when (busy.Code == ControlErrorCode.Busy)
                {
                    await Task.Delay(100, _service.Timely);
                }
            }
        }
        finally
        {
            foreach (Socket socket in crowd) socket.Dispose();
        }

        Assert.Equal("powered-off", (await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", null, true))).Reason);
    }

    // The kernel refuses those that come faster than the service takes them.
    private async Task<Socket> JoinAsync()
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_service.Socket), _service.Timely);
                return socket;
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.WouldBlock)
            {
                socket.Dispose();
                await Task.Delay(5, _service.Timely);
            }
        }
    }

    private static void AssertFull(string message)
    {
        Assert.Contains("No space left on device", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    // Takes what is left of a small file system; what is there then.
    private static string[] Fill(string folder)
    {
        using (FileStream fill = File.Create(Path.Combine(folder, "fill"), 1))
        {
            Assert.IsType<IOException>(Record.Exception((Action)(() =>
            {
                while (true) fill.Write(new byte[4096]);
            })));
        }

        return [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal)];
    }

    private static async Task RunAsync(params string[] words)
    {
        using Process process = Process.Start(words[0], words[1..]);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private async Task MountSmallAsync(string folder)
    {
        Directory.CreateDirectory(folder);
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder);
        _mounts.Add(folder);
    }
}
