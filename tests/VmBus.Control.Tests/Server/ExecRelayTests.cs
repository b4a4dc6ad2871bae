using System.Net.Sockets;
using System.Text;
using VmBus.Control.Server;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>A connection that has become the guest's carries its bytes, waits for who does not read, and ends with either side.</summary>
public sealed class ExecRelayTests
{
    [Fact]
    public async Task Bytes_go_both_ways_and_the_end_of_the_guest_ends_the_client()
    {
        using var server = new RunningServer();
        (server.Partition.Exec, NetworkStream guest) = Pair();
        await using ControlClient client = await server.ConnectAsync();
        Stream stream = await client.OpenExecAsync(server.Timely);
        await stream.WriteAsync("to the guest"u8.ToArray(), server.Timely);
        Assert.Equal("to the guest", await ReadAsync(server, guest, 12));
        byte[] much = [.. Enumerable.Range(0, 3_000_000).Select(static i => (byte)(i * 7))];
        Task sending = guest.WriteAsync(much, server.Timely).AsTask();
        byte[] received = new byte[much.Length];
        await stream.ReadExactlyAsync(received, server.Timely);
        await sending;
        Assert.Equal(much, received);
        await guest.DisposeAsync();
        Assert.Equal(0, await stream.ReadAsync(new byte[1], server.Timely));
    }

    [Fact]
    public async Task End_of_the_client_ends_the_guests_connection()
    {
        using var server = new RunningServer();
        (server.Partition.Exec, NetworkStream guest) = Pair();
        ControlClient client = await server.ConnectAsync();
        _ = await client.OpenExecAsync(server.Timely);
        await client.DisposeAsync();
        Assert.Equal(0, await guest.ReadAsync(new byte[1], server.Timely));
        await guest.DisposeAsync();
    }

    [Fact]
    public async Task Client_that_does_not_read_makes_the_guest_wait_and_does_not_stop_the_end()
    {
        using var server = new RunningServer(new ControlLimits { FarewellTime = TimeSpan.FromMilliseconds(200) });
        (server.Partition.Exec, NetworkStream guest) = Pair();
        await using ControlClient client = await server.ConnectAsync();
        Stream stream = await client.OpenExecAsync(server.Timely);
        // More than sockets and buffers on the way hold: the guest is not done until somebody reads.
        Task sending = guest.WriteAsync(new byte[64 << 20], server.Timely).AsTask();
        await stream.ReadExactlyAsync(new byte[1], server.Timely);
        Assert.False(sending.IsCompleted);
        server.End();
        await Assert.ThrowsAsync<IOException>(() => sending);
        await guest.DisposeAsync();
    }

    [Fact]
    public async Task Partition_without_the_service_refuses_in_one_line_and_the_connection_goes_on()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => client.OpenExecAsync(server.Timely));
        Assert.Equal((ControlErrorCode.Failed, "Commands in the guest are off."), (refusal.Code, refusal.Message));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Theory]
    [InlineData(typeof(ObjectDisposedException))]
    [InlineData(typeof(OperationCanceledException))]
    public async Task Partition_that_ends_meanwhile_is_told_and_the_connection_goes_on(Type ending)
    {
        using var server = new RunningServer();
        server.Partition.ExecRefusal = (Exception)Activator.CreateInstance(ending, "the control lane")!;
        await using ControlClient client = await server.ConnectAsync();
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => client.OpenExecAsync(server.Timely));
        Assert.Equal((ControlErrorCode.Ended, "The partition has ended before this was done."), (refusal.Code, refusal.Message));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    [Fact]
    public async Task Follower_cannot_run_commands_and_goes_on()
    {
        using var server = new RunningServer();
        await using ControlClient client = await server.ConnectAsync();
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, server.Timely);
        await Assert.ThrowsAsync<ControlException>(() => client.OpenExecAsync(server.Timely));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
    }

    private static (NetworkStream Near, NetworkStream Far) Pair()
    {
        (LinuxFile near, LinuxFile far) = UnixStream.CreatePair();
        return (Wrap(near), Wrap(far));
    }

    private static NetworkStream Wrap(LinuxFile file)
    {
        var socket = new Socket(new SafeSocketHandle(file.Descriptor, ownsHandle: true));
        file.SetHandleAsInvalid();
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static async Task<string> ReadAsync(RunningServer server, Stream stream, int bytes)
    {
        byte[] buffer = new byte[bytes];
        await stream.ReadExactlyAsync(buffer, server.Timely);
        return Encoding.UTF8.GetString(buffer);
    }
}
