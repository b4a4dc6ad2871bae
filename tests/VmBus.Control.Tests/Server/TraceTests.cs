using System.Globalization;
using VmBus.Bus.Tracing;
using VmBus.Control.Verbs;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>A trace of a real bus over the control socket: what clients may ask, and how it ends.</summary>
public sealed class TraceTests : IDisposable
{
    private static readonly TraceRequest Messages = new(false, [], null, null, null);

    private readonly FakeGuest _guest = new();
    private readonly RunningServer _server = new();

    public TraceTests()
    {
        _guest.Server.Offer(new EchoDevice());
        _server.Partition.Bus = _guest.Server;
    }

    public void Dispose()
    {
        _server.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public async Task Client_gets_what_happens_and_after_its_end_the_rest_and_the_counts()
    {
        await using ControlClient client = await _server.ConnectAsync();
        Stream trace = await client.OpenTraceAsync(Messages, _server.Timely);
        _ = _guest.Connect();
        client.EndSending();
        IReadOnlyList<TraceRecord> records = await ReadAsync(trace);
        Assert.Equal([TraceKind.Channel, .. Enumerable.Repeat(TraceKind.Message, 5)], records.Select(static record => record.Header.Kind));
    }

    [Fact]
    public async Task Trace_ends_by_itself_after_its_count_and_with_the_partition()
    {
        await using ControlClient first = await _server.ConnectAsync();
        await using ControlClient second = await _server.ConnectAsync();
        Stream counted = await first.OpenTraceAsync(Messages with { Count = 2 }, _server.Timely);
        Stream whole = await second.OpenTraceAsync(Messages, _server.Timely);
        _ = _guest.Connect();
        Assert.Equal(2, (await ReadAsync(counted)).Count);
        _server.End();
        Assert.Equal(6, (await ReadAsync(whole)).Count);
    }

    [Fact]
    public async Task Client_that_goes_away_gives_its_trace_back()
    {
        for (int i = 0; i < 10; i++)
        {
            while (true)
            {
                ControlClient client = await _server.ConnectAsync();
                try
                {
                    _ = await client.OpenTraceAsync(Messages, _server.Timely);
                    break;
                }
                catch (ControlException refusal) when (refusal.Code == ControlErrorCode.Failed)
                {
                    // The server needs a moment to notice.
                    await Task.Yield();
                }
                finally
                {
                    await client.DisposeAsync();
                }
            }
        }
    }

    [Fact]
    public async Task Client_that_does_not_read_does_not_stop_the_end()
    {
        using var server = new RunningServer(new VmBus.Control.Server.ControlLimits { FarewellTime = TimeSpan.FromMilliseconds(200) });
        server.Partition.Bus = _guest.Server;
        await using ControlClient client = await server.ConnectAsync();
        _ = await client.OpenTraceAsync(new TraceRequest(true, [], null, null, BusTraceOptions.LeastBufferBytes), server.Timely);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        byte[] payload = new byte[8000];
        for (ulong id = 1; id <= 500; id++)
        {
            channel.Send(payload, id);
            _ = channel.Receive();
        }

        server.End();
    }

    [Theory]
    [InlineData("count 0", "A count of 0 cannot be: give 1 to 9223372036854775807.")]
    [InlineData("snap 15", "A snap of 15 cannot be: give 16 to 65536.")]
    [InlineData("buffer 1", "A buffer of 1 cannot be: give 262144 to 67108864.")]
    [InlineData("channel scsy", "'scsy' is no channel: give its number, or one of scsi, network, integration, memory, socket, other.")]
    public async Task What_makes_no_sense_is_refused_in_one_line_and_the_connection_goes_on(string change, string message)
    {
        await using ControlClient client = await _server.ConnectAsync();
        string[] words = change.Split(' ');
        long number = long.TryParse(words[1], CultureInfo.InvariantCulture, out long value) ? value : 0;
        TraceRequest request = words[0] switch
        {
            "count" => Messages with { Count = number },
            "snap" => Messages with { Snap = (int)number },
            "buffer" => Messages with { Buffer = (int)number },
            _ => Messages with { Channels = [words[1]] },
        };
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => client.OpenTraceAsync(request, _server.Timely));
        Assert.Equal((ControlErrorCode.BadParameters, message), (refusal.Code, refusal.Message));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, _server.Timely);
    }

    [Fact]
    public async Task Follower_cannot_trace_and_goes_on()
    {
        await using ControlClient client = await _server.ConnectAsync();
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, _server.Timely);
        await Assert.ThrowsAsync<ControlException>(() => client.OpenTraceAsync(Messages, _server.Timely));
        await client.CallAsync(PartitionVerb.Show, NoValue.Instance, _server.Timely);
    }

    [Theory]
    [InlineData("", true, true, true)]
    [InlineData("5", true, false, false)]
    [InlineData("scsi", true, false, false)]
    [InlineData("socket", false, true, false)]
    [InlineData("other,6", false, true, true)]
    public void Channels_are_chosen_by_number_and_by_device(string words, bool disk, bool socket, bool other)
    {
        BusTraceOptions options = TraceRequests.Read(Messages with { Channels = words.Split(',', StringSplitOptions.RemoveEmptyEntries) });
        Assert.Equal(disk, options.Takes?.Invoke(5, StorageInterface.Scsi, OfferFlags.None) ?? true);
        Assert.Equal(socket, options.Takes?.Invoke(6, Guid.NewGuid(), OfferFlags.TransportProvider) ?? true);
        Assert.Equal(other, options.Takes?.Invoke(7, EchoDevice.InterfaceType, OfferFlags.None) ?? true);
    }

    private async Task<IReadOnlyList<TraceRecord>> ReadAsync(Stream trace)
    {
        using var file = new MemoryStream();
        await trace.CopyToAsync(file, _server.Timely);
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(file.ToArray(), out long? lost);
        Assert.Equal(0, lost);
        return records;
    }
}
