using System.Globalization;
using System.Net.Sockets;
using System.Text;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Sockets;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Sockets;

public sealed class VsockDeviceTests : IDisposable
{
    private readonly VsockDriver _driver = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Guest_reaches_a_program_and_bytes_go_both_ways_in_order()
    {
        byte[] bytes = RandomBytes(200_000);
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 60_000), bytes.AsSpan(0, 60_000));
        Assert.Equal(bytes[..60_000], Read(program, 60_000));
        var sending = new Thread(() => program.Send(bytes));
        sending.Start();
        Assert.Equal(bytes, _driver.ExpectData(bytes.Length));
        Assert.True(sending.Join(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Program_reaches_a_listener_of_the_guest_and_is_told_its_port()
    {
        using Socket program = _driver.Connect();
        program.Send("CONNECT 6000\nhello"u8);
        VsockHeader request = _driver.Expect(VsockOperation.Request).Header;
        Assert.Equal((VsockHeader.HostCid, VsockDriver.Cid, 6000U), (request.SourceCid, request.TargetCid, request.TargetPort));
        _driver.Send(VsockDriver.Header(VsockOperation.Response, 6000, request.SourcePort));
        string expected = string.Create(CultureInfo.InvariantCulture, $"OK {request.SourcePort}\n");
        Assert.Equal(expected, Encoding.ASCII.GetString(Read(program, expected.Length)));
        Assert.Equal("hello"u8.ToArray(), _driver.ExpectData(5));
    }

    [Fact]
    public void Program_that_the_guest_refuses_is_closed_unheard()
    {
        using Socket program = _driver.Connect();
        program.Send("CONNECT 6000\n"u8);
        VsockHeader request = _driver.Expect(VsockOperation.Request).Header;
        _driver.Send(VsockDriver.Header(VsockOperation.Reset, 6000, request.SourcePort));
        Assert.Equal(0, program.Receive(new byte[1]));
    }

    [Fact]
    public void What_nobody_serves_or_knows_is_reset()
    {
        VsockHeader request = VsockDriver.Header(VsockOperation.Request);
        VsockHeader[] packets =
        [
            request,
            request with { TargetCid = 99 },
            request with { Type = 2 },
            request with { Operation = 0 },
            request with { Operation = (VsockOperation)0xFFFF },
            VsockDriver.Header(VsockOperation.Data),
            VsockDriver.Header(VsockOperation.Shutdown),
            VsockDriver.Header(VsockOperation.CreditRequest),
        ];
        foreach (VsockHeader packet in packets)
        {
            _driver.Send(packet);
            VsockHeader answer = _driver.Expect(VsockOperation.Reset).Header;
            Assert.Equal(
                (packet.TargetCid, packet.SourceCid, packet.TargetPort, packet.SourcePort, packet.Type),
                (answer.SourceCid, answer.TargetCid, answer.SourcePort, answer.TargetPort, answer.Type));
        }

        // A reset is never answered, and nothing is for others to say.
        _driver.Send(VsockDriver.Header(VsockOperation.Reset));
        _driver.Send(request with { SourceCid = 2 });
        Assert.True(_driver.HasNothing());
    }

    [Fact]
    public void Each_direction_ends_by_itself()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 3), "abc"u8);
        _driver.Send(VsockDriver.Header(VsockOperation.Shutdown) with { Flags = VsockShutdown.Send });
        Assert.Equal("abc"u8.ToArray(), Read(program, 3));
        Assert.Equal(0, program.Receive(new byte[1]));
        program.Send("still here"u8);
        Assert.Equal("still here"u8.ToArray(), _driver.ExpectData(10));
        program.Shutdown(SocketShutdown.Send);
        Assert.Equal(VsockShutdown.Both, _driver.Expect(VsockOperation.Shutdown).Header.Flags);
        _driver.Send(VsockDriver.Header(VsockOperation.Reset));
        _driver.Send(VsockDriver.Header(VsockOperation.Data));
        _driver.Expect(VsockOperation.Reset);
    }

    [Fact]
    public void Program_that_ends_sending_still_receives()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        program.Send("last"u8);
        program.Shutdown(SocketShutdown.Send);
        Assert.Equal("last"u8.ToArray(), _driver.ExpectData(4));
        Assert.Equal(VsockShutdown.Send, _driver.Expect(VsockOperation.Shutdown).Header.Flags);
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 3), "abc"u8);
        Assert.Equal("abc"u8.ToArray(), Read(program, 3));
        _driver.Send(VsockDriver.Header(VsockOperation.Shutdown) with { Flags = VsockShutdown.Both });
        _driver.Expect(VsockOperation.Reset);
        Assert.Equal(0, program.Receive(new byte[1]));
    }

    [Fact]
    public void Program_that_goes_leaves_its_bytes_and_the_end_of_both_directions()
    {
        using Socket listener = _driver.Listen(5000);
        Socket program = _driver.Establish(listener);
        program.Send("bye"u8);
        program.Dispose();
        Assert.Equal("bye"u8.ToArray(), _driver.ExpectData(3));
        // The end of what it sends may be seen first, and be told by itself.
        VsockShutdown said = _driver.Expect(VsockOperation.Shutdown).Header.Flags;
        if (said == VsockShutdown.Send) said = _driver.Expect(VsockOperation.Shutdown).Header.Flags;
        Assert.Equal(VsockShutdown.Both, said);
    }

    [Fact]
    public void Driver_may_fill_its_credit_and_not_more_and_is_told_when_there_is_room()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        byte[] bytes = RandomBytes(32 << 10);
        int sent = 0;
        // What a program that does not read keeps in its socket, and what is kept for it.
        while (_driver.HasNothing() && sent < 8 << 20)
        {
            uint room = Math.Min((uint)bytes.Length, VsockStream.BufferBytes - (uint)(sent - Forwarded));
            if (room == 0) break;
            _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: room), bytes.AsSpan(0, (int)room));
            sent += (int)room;
            while (!_driver.HasNothing()) Forwarded = (int)_driver.Expect(VsockOperation.CreditUpdate).Header.ForwardedBytes;
        }

        Assert.Equal(VsockStream.BufferBytes, sent - Forwarded);
        Assert.Equal(sent, Read(program, sent).Length);
        while (Forwarded < sent - VsockStream.BufferBytes / 4) Forwarded = (int)_driver.Expect(VsockOperation.CreditUpdate).Header.ForwardedBytes;
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 3), "abc"u8);
        Assert.Equal("abc"u8.ToArray(), Read(program, 3));
    }

    [Fact]
    public void Device_sends_no_more_than_the_driver_has_room_for_and_asks()
    {
        using Socket listener = _driver.Listen(5000);
        _driver.Send(VsockDriver.Header(VsockOperation.Request) with { BufferBytes = 5000 });
        _driver.Expect(VsockOperation.Response);
        using Socket program = listener.Accept();
        byte[] bytes = RandomBytes(12_000);
        program.Send(bytes);
        Assert.Equal(bytes[..5000], _driver.ExpectData(5000));
        _driver.Expect(VsockOperation.CreditRequest);
        Assert.True(_driver.HasNothing());
        _driver.Send(VsockDriver.Header(VsockOperation.CreditUpdate) with { BufferBytes = 5000, ForwardedBytes = 4000 });
        Assert.Equal(bytes[5000..9000], _driver.ExpectData(4000));
        _driver.Expect(VsockOperation.CreditRequest);
        // It says that it got more than was sent.
        _driver.Send(VsockDriver.Header(VsockOperation.CreditUpdate) with { BufferBytes = 5000, ForwardedBytes = 9001 });
        _driver.Expect(VsockOperation.CreditRequest);
        Assert.True(_driver.HasNothing());
        _driver.Send(VsockDriver.Header(VsockOperation.CreditUpdate) with { BufferBytes = 5000, ForwardedBytes = 9000 });
        Assert.Equal(bytes[9000..], _driver.ExpectData(3000));
    }

    [Fact]
    public void Bytes_that_were_sent_before_the_end_reach_a_slow_program_though_their_ports_are_anothers_by_then()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket slow = _driver.Establish(listener);
        byte[] bytes = RandomBytes(64 << 10);
        int sent = 0;
        // Until some is kept for it: nothing more is passed on.
        for (int forwarded = 0; forwarded == sent && sent < 8 << 20; sent += bytes.Length)
        {
            _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: (uint)bytes.Length), bytes);
            _driver.Send(VsockDriver.Header(VsockOperation.CreditRequest));
            forwarded = (int)_driver.ExpectLast(VsockOperation.CreditUpdate).Header.ForwardedBytes;
        }

        _driver.Send(VsockDriver.Header(VsockOperation.Shutdown) with { Flags = VsockShutdown.Both });
        _driver.Send(VsockDriver.Header(VsockOperation.Reset));
        using Socket next = _driver.Establish(listener);
        Assert.Equal(sent, Read(slow, sent).Length);
        Assert.Equal(0, slow.Receive(new byte[1]));
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 3), "abc"u8);
        Assert.Equal("abc"u8.ToArray(), Read(next, 3));
    }

    [Fact]
    public void Packet_that_breaks_a_rule_of_its_connection_resets_it_and_no_other()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket other = _driver.Establish(listener, guestPort: 200);
        foreach (VsockHeader wrong in new[]
        {
            VsockDriver.Header(VsockOperation.Data, bytes: 4),
            VsockDriver.Header(VsockOperation.Data, bytes: uint.MaxValue),
            VsockDriver.Header(VsockOperation.Data, bytes: VsockStream.BufferBytes + 1),
            VsockDriver.Header(VsockOperation.Request),
            VsockDriver.Header(VsockOperation.Response),
            VsockDriver.Header((VsockOperation)8),
        })
        {
            using Socket program = _driver.Establish(listener);
            _driver.Send(wrong, "abc"u8);
            Assert.Equal((5000U, 100U), _driver.Expect(VsockOperation.Reset).Header is var header ? (header.SourcePort, header.TargetPort) : default);
            Assert.Equal(0, program.Receive(new byte[1]));
        }

        _driver.Send(VsockDriver.Header(VsockOperation.Data, guestPort: 200, bytes: 3), "abc"u8);
        Assert.Equal("abc"u8.ToArray(), Read(other, 3));
        Assert.Empty(_driver.Failures);
    }

    [Fact]
    public void Data_outside_memory_resets_its_connection()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        byte[] header = new byte[VsockHeader.Size];
        VsockDriver.Header(VsockOperation.Data, bytes: 64).Write(header);
        _driver.Transmit.Write(SplitDriver.Buffers, header);
        _driver.Transmit.Describe(0, SplitDriver.Buffers, VsockHeader.Size, DescriptorFlags.Next, 1);
        _driver.Transmit.Describe(1, 0xDEAD_0000_0000, 64);
        _driver.Transmit.Offer(0);
        _driver.Kick(1);
        _driver.Expect(VsockOperation.Reset);
        Assert.Empty(_driver.Failures);
    }

    [Fact]
    public void Packet_without_a_header_breaks_the_queue()
    {
        _driver.Transmit.Describe(0, SplitDriver.Buffers, VsockHeader.Size - 1);
        _driver.Transmit.Offer(0);
        _driver.Kick(1);
        VsockDriver.Wait(() => _driver.Failures.Count > 0);
        Assert.Contains("no header", Assert.Single(_driver.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void Driver_without_buffers_is_not_listened_to_once_enough_refusals_wait()
    {
        using var driver = new VsockDriver(buffers: false);
        int taken = 0;
        for (int i = 0; i < VsockStreams.MaximumRefusals; i++, taken++) driver.Send(VsockDriver.Header(VsockOperation.Data, guestPort: (uint)i));
        ushort before = driver.Transmit.UsedIndex;
        driver.Offer(VsockDriver.Header(VsockOperation.Data, guestPort: 9999));
        Assert.True(driver.HasNothing());
        Assert.Equal(before, driver.Transmit.UsedIndex);
        driver.Post();
        for (int i = 0; i < taken; i++) Assert.Equal((uint)i, driver.Expect(VsockOperation.Reset).Header.TargetPort);
        Assert.Equal(9999U, driver.Expect(VsockOperation.Reset).Header.TargetPort);
    }

    [Fact]
    public void Driver_without_a_receive_queue_gets_no_connection()
    {
        using var driver = new VsockDriver(receives: false);
        using Socket listener = driver.Listen(5000);
        for (int i = 0; i < 2; i++) driver.Send(VsockDriver.Header(VsockOperation.Request, guestPort: (uint)i));
        Assert.False(listener.Poll(0, SelectMode.SelectRead));
        Assert.Empty(driver.Failures);
    }

    [Fact]
    public void Buffer_without_room_for_data_breaks_the_queue()
    {
        using var driver = new VsockDriver(buffers: false);
        driver.Receive.Describe(0, SplitDriver.Buffers, VsockHeader.Size, DescriptorFlags.Write);
        driver.Receive.Offer(0);
        driver.Kick(0);
        driver.Send(VsockDriver.Header(VsockOperation.Data));
        VsockDriver.Wait(() => driver.Failures.Count > 0);
        Assert.Contains("no room", Assert.Single(driver.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void Hundreds_of_connections_are_open_at_once_and_more_than_the_limit_are_refused()
    {
        const int Streams = 300;
        using Socket listener = _driver.Listen(5000);
        List<Socket> programs = [];
        for (uint i = 0; i < Streams; i++) programs.Add(_driver.Establish(listener, guestPort: i));
        for (int i = 0; i < Streams; i++) programs[i].Send(BitConverter.GetBytes(i));
        HashSet<uint> heard = [];
        for (int i = 0; i < Streams; i++)
        {
            Packet packet = _driver.Expect(VsockOperation.Data);
            Assert.Equal(packet.Header.TargetPort, BitConverter.ToUInt32(packet.Data));
            Assert.True(heard.Add(packet.Header.TargetPort));
        }

        for (uint i = Streams; i < VsockStreams.MaximumStreams; i++) programs.Add(_driver.Establish(listener, guestPort: i));
        _driver.Send(VsockDriver.Header(VsockOperation.Request, guestPort: 60_000));
        _driver.Expect(VsockOperation.Reset);
        programs.ForEach(static program => program.Dispose());
    }

    [Fact]
    public void Connections_outlive_queues_that_stop_and_go_on()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        _driver.Reopen(1);
        _driver.Send(VsockDriver.Header(VsockOperation.Data, bytes: 3), "abc"u8);
        Assert.Equal("abc"u8.ToArray(), Read(program, 3));
    }

    [Fact]
    public void Reset_ends_every_connection()
    {
        using Socket listener = _driver.Listen(5000);
        using Socket program = _driver.Establish(listener);
        _driver.Device.Reset();
        Assert.Equal(0, program.Receive(new byte[1]));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 1)]
    public void Driver_that_another_process_served_before_is_told_that_connections_are_gone(ushort eventBase, int told)
    {
        using var driver = new VsockDriver(eventBase: eventBase);
        ushort before = driver.Events.UsedIndex;
        driver.Events.Describe(0, SplitDriver.Buffers, VsockHeader.EventBytes, DescriptorFlags.Write);
        driver.Events.Offer(0);
        driver.Kick(2);
        _ = driver.HasNothing();
        if (told > 0) VsockDriver.Wait(() => driver.Events.UsedIndex != before);
        Assert.Equal(told, driver.Events.UsedIndex - before);
    }

    private int Forwarded { get; set; }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(17).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Read(Socket socket, int count)
    {
        byte[] bytes = new byte[count];
        for (int done = 0; done < count;)
        {
            int step = socket.Receive(bytes.AsSpan(done));
            Assert.True(step > 0, "The stream ended.");
            done += step;
        }

        return bytes;
    }
}
