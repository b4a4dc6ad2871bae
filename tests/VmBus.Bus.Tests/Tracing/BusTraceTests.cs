using VmBus.Bus.Tracing;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;
using VmBus.TestKit;
using VmBus.TestKit.Bus;
using VmBus.TestKit.SpecTables;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Tracing;

/// <summary>What a trace has of a bus that a guest talks to, as a reader of the file sees it.</summary>
public sealed class BusTraceTests : IDisposable
{
    private static readonly CancellationToken Timely = new CancellationTokenSource(FakeGuest.Patience).Token;

    private readonly FakeGuest _guest = new();
    private readonly EchoDevice _device = new();

    public BusTraceTests() => _guest.Server.Offer(_device);

    public void Dispose() => _guest.Dispose();

    [Fact]
    public async Task Channel_messages_of_both_sides_are_there_in_order_with_the_version_they_are_in()
    {
        using BusTrace trace = Start(new BusTraceOptions());
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        _guest.Close(channel);
        (IReadOnlyList<TraceRecord> records, long? lost) = await EndAsync(trace);
        Assert.Equal(0, lost);
        Assert.Equal(
            [
                "Channel", "> INITIATE_CONTACT", "< VERSION_RESPONSE", "> REQUEST_OFFERS", "< OFFER_CHANNEL", "< ALL_OFFERS_DELIVERED", "> GPADL_HEADER",
                "> GPADL_BODY", "< GPADL_CREATED", "> OPEN_CHANNEL", "< OPEN_CHANNEL_RESULT", "> CLOSE_CHANNEL", "> GPADL_TEARDOWN", "< GPADL_TORNDOWN",
            ],
            records.Select(Name));
        Assert.True(OfferChannel.TryRead(records[4].Body.Span, out OfferChannel offer));
        Assert.Equal(channel.Offer.InterfaceInstance, offer.InterfaceInstance);
        Assert.Equal([default, default, default, ProtocolVersion.V5_3], records.Take(4).Select(static record => record.Header.Version));
        Assert.Equal(records.Select(static record => record.Nanoseconds).Order(), records.Select(static record => record.Nanoseconds));
        ulong now = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        Assert.InRange(records[0].Nanoseconds, now - 600_000_000_000, now + 60_000_000_000);
    }

    [Fact]
    public async Task Packets_signals_and_control_words_are_there_on_request()
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        // The lane looks at a new channel once by itself, at the end of its turn; what it finds then has no signal, or a late one.
        for (int turn = 0; turn < 2; turn++) _guest.Lanes[0].Invoke(static () => { });
        using BusTrace trace = Start(new BusTraceOptions { Rings = true });
        channel.Send([1, 2, 3, 4, 5, 6, 7], 42);
        Assert.Equal(42ul, channel.Receive().Descriptor.TransactionId);
        _guest.Close(channel);
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);

        TraceRecord there = records[0];
        Assert.True(TracedChannel.TryRead(there.Body.Span, out TracedChannel described));
        Assert.Equal(
            (TraceKind.Channel, channel.Id, EchoDevice.InterfaceType, channel.Offer.InterfaceInstance, channel.ConnectionId, (uint)Bus.Channels.ChannelState.Open),
            (there.Header.Kind, there.Header.ChannelId, there.Header.InterfaceType, described.InterfaceInstance, described.ConnectionId, described.State));
        string[] names = [.. records.Select(Name)];
        // The host's interrupt, and its look at the rings, come in no order with what the guest does after the answer.
        Assert.Equal(["> signal", "> packet", "< packet", "< signal"], names.Where(static name => name.EndsWith("signal", StringComparison.Ordinal) || name.EndsWith("packet", StringComparison.Ordinal)));
        Assert.Contains("Idle", names);
        Assert.Contains("Closed", names);

        TraceRecord sent = records.Single(static record => Name(record) == "> packet");
        Assert.Equal((channel.Id, EchoDevice.InterfaceType, 24), (sent.Header.ChannelId, sent.Header.InterfaceType, sent.OriginalBytes));
        Assert.True(PacketDescriptor.TryRead(sent.Body.Span, out PacketDescriptor descriptor));
        Assert.Equal(new PacketDescriptor(PacketType.DataInband, 16, 24, PacketDescriptor.CompletionRequested, 42), descriptor);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 0], sent.Body.Span[16..].ToArray());
        TraceRecord answer = records.Single(static record => Name(record) == "< packet");
        Assert.Equal(new byte[] { 11, 0, 2, 0, 3, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0 }, answer.Body.ToArray());
        Assert.True(TracedRings.TryRead(records.First(static record => Name(record) == "Closed").Body.Span, out TracedRings rings));
        Assert.Equal((32u, 32u, 32u), (rings.FromGuest.WriteIndex, rings.HostReadIndex, rings.HostWriteIndex));
        Assert.Equal((uint)(channel.PagesPerRing - 1) * 4096, rings.FromGuestBytes);
    }

    [Fact]
    public async Task Index_of_a_sealed_ring_is_noted_as_the_host_has_written_it()
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace trace = Start(new BusTraceOptions { Rings = true });
        channel.Send([1], 42);
        _ = channel.Receive();
        Devices.OpenChannel served = _device.Last!.Channel;
        bool isSettled = false;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                served.Lane.Invoke(() => isSettled = served.TrySettle(seal: true));
                return isSettled;
            },
            FakeGuest.Patience));
        _guest.Close(channel);
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        Assert.True(TracedRings.TryRead(records.First(static record => Name(record) == "Closed").Body.Span, out TracedRings rings));
        // The seal is 8 bytes beyond the one packet.
        Assert.Equal((32u, 40u, 40u), (rings.FromGuest.WriteIndex, rings.FromGuest.ReadIndex, rings.HostReadIndex));
    }

    [Fact]
    public async Task Control_words_are_noted_at_the_open_as_the_guest_has_left_them()
    {
        GuestChannel channel = _guest.Prepare(Assert.Single(_guest.Connect()));
        channel.Ring.PokeOutbound(RingControlPage.InterruptMask, 1);
        using BusTrace trace = Start(new BusTraceOptions { Rings = true });
        _ = _guest.Open(channel);
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        Assert.True(TracedRings.TryRead(records.Single(static record => Name(record) == "Opened").Body.Span, out TracedRings rings));
        Assert.Equal((1u, RingControlPage.PendingSendSizeSupported), (rings.FromGuest.InterruptMask, rings.ToGuest.FeatureBits));
    }

    [Fact]
    public async Task Packet_that_the_device_did_not_take_at_once_is_there_once_and_before_its_answer()
    {
        int refusals = 0;
        _device.OnPacket = (channel, packet) =>
        {
            if (refusals++ == 0)
            {
                channel.Lane.Post(channel.Resume);
                return Devices.PacketVerdict.Busy;
            }

            return channel.TrySend(PacketType.Completion, [], [], packet.TransactionId) ? Devices.PacketVerdict.Taken : Devices.PacketVerdict.Busy;
        };
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace trace = Start(new BusTraceOptions { Rings = true });
        channel.Send(new byte[8], 7);
        _ = channel.Receive();
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        Assert.Equal(["> packet", "< packet"], records.Select(Name).Where(static name => name.EndsWith("packet", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Filter_chooses_the_channels_whose_rings_are_recorded_and_no_messages(bool takes)
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace trace = Start(new BusTraceOptions
        {
            Rings = true,
            Takes = (id, type, flags) => id == channel.Id && type == EchoDevice.InterfaceType && flags == OfferFlags.None && takes,
        });
        channel.Send(new byte[8]);
        _ = channel.Receive();
        _guest.Close(channel);
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        Assert.Equal(takes, records.Any(static record => record.Header.Kind == TraceKind.Packet));
        Assert.Contains("> CLOSE_CHANNEL", records.Select(Name));
    }

    [Fact]
    public async Task Packet_is_cut_where_it_was_asked_for_and_its_length_is_told()
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace trace = Start(new BusTraceOptions { Rings = true, SnapBytes = 20 });
        channel.Send([1, 2, 3, 4, 5, 6, 7, 8], 1);
        _ = channel.Receive();
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        TraceRecord sent = records.Single(static record => Name(record) == "> packet");
        Assert.Equal((24, 20), (sent.OriginalBytes, sent.Body.Length));
        Assert.Equal([1, 2, 3, 4], sent.Body.Span[16..].ToArray());
    }

    [Fact]
    public async Task Trace_ends_by_itself_after_as_many_records_as_were_asked_for()
    {
        using BusTrace trace = Start(new BusTraceOptions { MaximumRecords = 3 });
        _ = _guest.Connect();
        byte[] file = await ReadAsync(trace);
        Assert.Equal(["Channel", "> INITIATE_CONTACT", "< VERSION_RESPONSE"], TraceRecord.ReadAll(file, out long? lost).Select(Name));
        Assert.Equal(0, lost);
    }

    [Fact]
    public async Task What_is_not_read_in_time_is_lost_and_counted_in_the_file_and_the_guest_goes_on()
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace trace = Start(new BusTraceOptions { Rings = true, BufferBytes = BusTraceOptions.LeastBufferBytes });
        byte[] payload = new byte[4000];
        for (ulong id = 1; id <= 200; id++)
        {
            channel.Send(payload, id);
            Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        }

        Assert.True(trace.Lost > 0);
        // Room again: the next record tells of the gap.
        ReadOnlyMemory<byte> first = await trace.ReadAsync(Timely);
        IReadOnlyList<TraceRecord> before = TraceRecord.ReadAll(first.Span, out _);
        channel.Send(payload, 201);
        _ = channel.Receive();
        (IReadOnlyList<TraceRecord> records, long? lost) = await EndAsync(trace);
        Assert.True(records[0].Lost > 0);
        Assert.Equal(lost, before.Concat(records).Sum(static record => record.Lost));
        Assert.Equal(trace.Lost, lost);
        Assert.Equal(trace.Recorded, before.Count + records.Count);
    }

    [Fact]
    public async Task Trace_goes_on_over_a_reset_of_the_guest()
    {
        using BusTrace trace = Start(new BusTraceOptions());
        _ = _guest.Connect();
        _guest.Server.Reset();
        _ = _guest.Connect();
        (IReadOnlyList<TraceRecord> records, _) = await EndAsync(trace);
        Assert.Equal(2, records.Count(static record => Name(record) == "> INITIATE_CONTACT"));
    }

    [Fact]
    public void Traces_at_a_time_are_bounded_and_one_that_ends_makes_room()
    {
        List<BusTrace> traces = [];
        for (int i = 0; i < TraceTap.MaximumTraces; i++) traces.Add(Start(new BusTraceOptions()));
        Assert.Null(_guest.Server.TryStartTrace(new BusTraceOptions()));
        traces[0].Dispose();
        traces[0] = Start(new BusTraceOptions());
        traces.ForEach(static trace => trace.Dispose());
    }

    [Fact]
    public void Nothing_is_allocated_on_the_lane_while_a_trace_loses_everything_or_has_ended()
    {
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        using BusTrace full = Start(new BusTraceOptions { Rings = true, BufferBytes = BusTraceOptions.LeastBufferBytes });
        using BusTrace ended = Start(new BusTraceOptions { Rings = true });
        ended.Finish();
        Exchange(channel, 2000);
        Assert.True(full.Lost > 0);
        Assert.Equal(0, Allocations.LeastOf(LaneAllocations, () => Exchange(channel, 3000)));
    }

    [Fact]
    public void Limits_are_those_of_the_page()
    {
        SpecNumbers limits = SpecPage.Load("trace.md").Numbers("limits");
        var options = new BusTraceOptions();
        Assert.Equal((ulong)TraceTap.MaximumTraces, limits["Traces"]);
        Assert.Equal((ulong)options.BufferBytes, limits["BufferBytes"]);
        Assert.Equal((ulong)BusTraceOptions.LeastBufferBytes, limits["LeastBufferBytes"]);
        Assert.Equal((ulong)BusTraceOptions.MostBufferBytes, limits["MostBufferBytes"]);
        Assert.Equal((ulong)BusTraceOptions.MostSnapBytes, limits["MostSnapBytes"]);
        Assert.Empty(SpecPage.Load("trace.md").Numbers("states").DifferencesFrom<Bus.Channels.ChannelState>());
    }

    private static string Name(TraceRecord record)
    {
        string from = record.Header.Direction == TraceDirection.FromGuest ? ">" : "<";
        switch (record.Header.Kind)
        {
            case TraceKind.Message:
                uint number = ReadUInt32LittleEndian(record.Body.Span);
                return $"{from} {MessageTable.Rows.First(row => row.Number == number).Name}";
            case TraceKind.Packet:
                return $"{from} packet";
            case TraceKind.Signal:
                return $"{from} signal";
            case TraceKind.Rings:
                return ((RingMoment)ReadUInt32LittleEndian(record.Body.Span)).ToString();
            default:
                return record.Header.Kind.ToString();
        }
    }

    private BusTrace Start(BusTraceOptions options) => _guest.Server.TryStartTrace(options) ?? throw new InvalidOperationException("There are too many traces.");

    private static async Task<byte[]> ReadAsync(BusTrace trace)
    {
        using var file = new MemoryStream();
        while (await trace.ReadAsync(Timely) is { Length: > 0 } bytes) file.Write(bytes.Span);
        return file.ToArray();
    }

    private static async Task<(IReadOnlyList<TraceRecord> Records, long? Lost)> EndAsync(BusTrace trace)
    {
        trace.Finish();
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(await ReadAsync(trace), out long? lost);
        return (records, lost);
    }

    private static void Exchange(GuestChannel channel, int packets)
    {
        byte[] payload = new byte[64];
        for (int i = 1; i <= packets; i++)
        {
            if (channel.Ring.Send(payload, (ulong)i)) channel.Kick();
            while (channel.Ring.Reader.TryRead(out _) != RingStatus.Ok) Thread.Yield();
            _ = channel.Ring.Reader.Commit();
        }
    }

    private long LaneAllocations()
    {
        long bytes = 0;
        _guest.Lanes[0].Invoke(() => bytes = GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }
}
