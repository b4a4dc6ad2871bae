using System.Text;
using VmBus.Control.Server;
using VmBus.Host.Consoles;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>Those attached see what the guest sends and type to it, and never hold it up.</summary>
public sealed class ConsoleTests
{
    [Fact]
    public async Task Two_clients_see_earlier_and_later_output_and_both_type()
    {
        using var server = new RunningServer();
        server.Console.Write("early and earlier, "u8);
        await using ControlClient first = await server.ConnectAsync();
        await using ControlClient second = await server.ConnectAsync();
        Stream one = await first.AttachConsoleAsync(9, server.Timely);
        Stream two = await second.AttachConsoleAsync(0, server.Timely);
        server.Console.Write("later"u8);
        Assert.Equal("earlier, later", await ReadAsync(server, one, 14));
        Assert.Equal("later", await ReadAsync(server, two, 5));
        await one.WriteAsync("root\r"u8.ToArray(), server.Timely);
        await server.TypedSomething.WaitAsync(server.Timely);
        await two.WriteAsync("x"u8.ToArray(), server.Timely);
        await server.TypedSomething.WaitAsync(server.Timely);
        lock (server.Typed) Assert.Equal("root\rx", server.Typed.ToString());
    }

    [Fact]
    public async Task Output_until_the_end_arrives_before_the_connection_ends()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        Stream console = await client.AttachConsoleAsync(0, server.Timely);
        byte[] much = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];
        server.Console.Write(much);
        Task end = Task.Run(server.End);
        using var received = new MemoryStream();
        await console.CopyToAsync(received, server.Timely);
        await end;
        Assert.Equal(much, received.ToArray());
    }

    [Fact]
    public async Task Client_that_does_not_read_neither_stops_the_guest_nor_the_end()
    {
        using var server = new RunningServer(new ControlLimits { FarewellTime = TimeSpan.FromMilliseconds(200) });
        await using ControlClient client = await server.ConnectAsync();
        _ = await client.AttachConsoleAsync(0, server.Timely);
        byte[] block = new byte[65_536];
        for (int i = 0; i < 200; i++) server.Console.Write(block);
        server.End();
    }

    [Fact]
    public async Task Client_that_detaches_makes_room()
    {
        using var server = new RunningServer(new ControlLimits { Connections = 1 });
        for (int i = 0; i < 5; i++)
        {
            ControlClient? client = null;
            while (client is null)
            {
                server.Timely.ThrowIfCancellationRequested();
                try
                {
                    client = await server.ConnectAsync();
                }
                catch (ControlException exception) when (exception.Code == ControlErrorCode.Busy)
                {
                    await Task.Yield();
                }
            }

            await client.AttachConsoleAsync(10, server.Timely);
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Follower_cannot_attach_and_goes_on()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        await Assert.ThrowsAsync<ControlException>(() => client.AttachConsoleAsync(0, server.Timely));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Fact]
    public async Task Reader_that_fell_behind_goes_on_at_the_oldest_byte_that_is_kept()
    {
        using var console = new SharedConsole(new NullConsole(), _ => { });
        long position = console.Begin(0, out long earlier);
        Assert.Equal(0, earlier);
        byte[] sent = [.. Enumerable.Range(0, SharedConsole.HistoryBytes + 1000).Select(i => (byte)(i * 7 / 256))];
        for (int at = 0; at < sent.Length; at += 1777) console.Write(sent.AsSpan(at, Math.Min(1777, sent.Length - at)));
        byte[] buffer = new byte[sent.Length];
        (int count, position) = await console.ReadAsync(position, buffer, default);
        Assert.Equal(sent[1000..], buffer[..count]);
        Assert.Equal(sent.Length, position);
        Assert.Equal(sent.Length - 5, console.Begin(5, out earlier));
        Assert.Equal(5, earlier);
        console.Begin(long.MaxValue, out earlier);
        Assert.Equal(SharedConsole.HistoryBytes, earlier);
    }

    [Fact]
    public async Task Piece_larger_than_what_is_kept_keeps_its_end()
    {
        using var console = new SharedConsole(new NullConsole(), _ => { });
        byte[] sent = [.. Enumerable.Range(0, SharedConsole.HistoryBytes * 2 + 5).Select(i => (byte)(i / 3))];
        console.Write("before"u8);
        console.Write(sent);
        byte[] buffer = new byte[SharedConsole.HistoryBytes];
        (int count, _) = await console.ReadAsync(0, buffer, default);
        Assert.Equal(sent[^SharedConsole.HistoryBytes..], buffer[..count]);
    }

    private static async Task<string> ReadAsync(RunningServer server, Stream stream, int bytes)
    {
        byte[] buffer = new byte[bytes];
        await stream.ReadExactlyAsync(buffer, server.Timely);
        return Encoding.UTF8.GetString(buffer);
    }
}
