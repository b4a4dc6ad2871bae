using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.TestKit;
using VmBus.TestKit.Rings;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>Packets arrive whole, in order, wherever in the ring they lie.</summary>
public sealed class RingTransferTests
{
    [Fact]
    public void Guest_packet_arrives_with_every_field()
    {
        using var pair = new RingPair();
        byte[] header = [1, 2, 3, 4, 5, 6, 7, 8];
        byte[] payload = [9, 10, 11];

        Assert.True(pair.Guest.Send(PacketType.DataUsingGpaDirect, header, payload, 0x1122334455667788, PacketDescriptor.CompletionRequested));

        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        Assert.Equal(new PacketDescriptor(PacketType.DataUsingGpaDirect, 24, 32, 1, 0x1122334455667788), packet!.Descriptor);
        Assert.Equal(header, packet.Header);
        Assert.Equal([9, 10, 11, 0, 0, 0, 0, 0], packet.Payload);
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
    }

    [Fact]
    public void Host_packet_arrives_with_trailer_of_its_start()
    {
        using var pair = new RingPair(beforeHost: RingPair.StartAt(64));
        Assert.Equal(RingStatus.Ok, pair.Writer.TryWrite(PacketType.Completion, [], [0xAA], 7, 0));
        pair.Writer.Commit();

        byte[] bytes = pair.Guest.PeekInboundData(64, 32);
        Assert.Equal([0x0B, 0, 2, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0xAA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0], bytes);
    }

    [Fact]
    public void Padding_over_old_bytes_is_zero()
    {
        using var pair = new RingPair();
        var ones = new byte[1000];
        ones.AsSpan().Fill(0xFF);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(RingStatus.Ok, pair.Writer.TryWrite(PacketType.DataInband, [], ones.AsSpan(0, 993), (ulong)i, 0));
            pair.Writer.Commit();
            ReceivedPacket packet = pair.Guest.Receive()!;
            Assert.Equal(ones.AsSpan(0, 993), packet.Payload.AsSpan(0, 993));
            Assert.Equal(new byte[7], packet.Payload[993..]);
        }
    }

    // Each start puts another part of the packet across the end: descriptor, header, payload, trailer, or nothing.
    [Theory]
    [InlineData(4096 - 8)]
    [InlineData(4096 - 16)]
    [InlineData(4096 - 24)]
    [InlineData(4096 - 32)]
    [InlineData(4096 - 40)]
    [InlineData(4096 - 48)]
    public void Packet_across_the_end_is_read_whole(uint start)
    {
        using var pair = new RingPair(beforeHost: RingPair.StartAt(start));
        using var guest = RingMappingFor(pair);
        var writer = new RingWriter(guest);
        byte[] header = [1, 1, 1, 1, 2, 2, 2, 2];
        byte[] payload = [3, 3, 3, 3, 4, 4, 4, 4];
        Assert.Equal(RingStatus.Ok, writer.TryWrite(PacketType.DataInband, header, payload, start, 0));
        writer.Commit();

        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        Assert.Equal(header, packet!.Header);
        Assert.Equal(payload, packet.Payload);
        Assert.Equal(start, packet.Descriptor.TransactionId);
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        pair.Reader.Commit();
        Assert.Equal((start + 40) % 4096, pair.Outbound.ReadIndex);
    }

    [Fact]
    public void Many_laps_of_mixed_sizes_arrive_in_order()
    {
        using var pair = new RingPair(3, 8192);
        var random = new Random(5);
        var expected = new Queue<byte[]>();
        for (int i = 0; i < 20000; i++)
        {
            var payload = new byte[random.Next(0, 300) * 8];
            random.NextBytes(payload);
            if (pair.Guest.Writer.TryWrite(PacketType.DataInband, [], payload, (ulong)i, 0) == RingStatus.Ok) expected.Enqueue(payload);
            if (random.Next(4) == 0) pair.Guest.Writer.Commit();
            if (random.Next(3) != 0) continue;
            while (pair.Read(out ReceivedPacket? packet) == RingStatus.Ok) Assert.Equal(expected.Dequeue(), packet!.Payload);
            pair.Reader.Commit();
        }

        pair.Guest.Writer.Commit();
        while (pair.Read(out ReceivedPacket? packet) == RingStatus.Ok) Assert.Equal(expected.Dequeue(), packet!.Payload);
        Assert.Empty(expected);
    }

    [Fact]
    public void Write_is_invisible_until_commit()
    {
        using var pair = new RingPair();
        pair.Guest.Writer.TryWrite(PacketType.DataInband, [], [1], 1, 0);
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        pair.Guest.Writer.Commit();
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
    }

    [Fact]
    public void Read_gives_no_space_back_until_commit()
    {
        using var pair = new RingPair();
        pair.Guest.Send(new byte[8]);
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(0u, pair.Outbound.ReadIndex);
        pair.Reader.Commit();
        Assert.Equal(32u, pair.Outbound.ReadIndex);
    }

    [Fact]
    public void Unread_packet_is_returned_again_and_its_space_stays_taken()
    {
        using var pair = new RingPair();
        pair.Guest.Send([1]);
        pair.Guest.Send([2], transactionId: 2);
        pair.Read(out _);
        pair.Read(out _);
        pair.Reader.Unread();
        pair.Reader.Commit();

        Assert.Equal(32u, pair.Outbound.ReadIndex);
        Assert.True(pair.Reader.UnmaskInterrupts());
        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        Assert.Equal(2u, packet!.Descriptor.TransactionId);
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
    }

    [Fact]
    public void Unread_without_packet_is_refused()
    {
        using var pair = new RingPair();
        Assert.Throws<InvalidOperationException>(pair.Reader.Unread);
        pair.Guest.Send([1]);
        pair.Read(out _);
        pair.Reader.Commit();
        Assert.Throws<InvalidOperationException>(pair.Reader.Unread);
    }

    [Fact]
    public void Full_ring_keeps_eight_bytes_free_and_takes_more_after_a_read()
    {
        using var pair = new RingPair();
        // 4096 bytes of data: 127 packets of 32 bytes leave 32 free, which must not be filled.
        for (int i = 0; i < 127; i++) Assert.Equal(RingStatus.Ok, pair.Write(8));
        Assert.Equal(RingStatus.Full, pair.Write(8));
        Assert.Equal(RingStatus.Ok, pair.Write(0));
        Assert.Equal(RingStatus.Full, pair.Write(0));
        pair.Writer.Commit();
        Assert.Equal(4096u - 8, pair.Inbound.WriteIndex);

        Assert.NotNull(pair.Guest.Receive());
        Assert.Equal(RingStatus.Ok, pair.Write(8));
        pair.Writer.Commit();
        Assert.Equal(24u, pair.Inbound.WriteIndex);
        Assert.Equal(128, pair.Guest.ReceiveAll().Count);
    }

    [Fact]
    public void Packet_larger_than_the_ring_is_full_for_ever()
    {
        using var pair = new RingPair();
        Assert.Equal(RingStatus.Full, pair.Write(4096));
        Assert.Equal(RingStatus.Full, pair.Write(4096 - 24));
        Assert.Equal(RingStatus.Ok, pair.Write(4096 - 32));
    }

    [Fact]
    public void Largest_packet_fills_the_private_copy()
    {
        using var pair = new RingPair(3, 4384);
        pair.Guest.Send(new byte[4384 - 16]);
        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        Assert.Equal(4384, packet!.Descriptor.TotalBytes);
    }

    [Fact]
    public void Own_mistakes_are_exceptions()
    {
        using var pair = new RingPair();
        Assert.Throws<ArgumentException>(() => pair.Writer.TryWrite(PacketType.DataInband, new byte[4], [], 0, 0));
        Assert.Throws<ArgumentException>(() => pair.Writer.TryWrite(PacketType.DataInband, [], new byte[PacketDescriptor.MaximumBytes - 8], 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RingReader(pair.Guest.Inbound, 8));
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        using var pair = new RingPair();
        var payload = new byte[64];
        void Lap()
        {
            for (int i = 0; i < 1000; i++)
            {
                pair.Guest.Writer.TryWrite(PacketType.DataInband, [], payload, 1, 1);
                pair.Guest.Writer.Commit();
                pair.Reader.MaskInterrupts();
                while (pair.Reader.TryRead(out RingPacket _) == RingStatus.Ok) { }
                pair.Reader.Commit();
                pair.Reader.UnmaskInterrupts();
                if (pair.Guest.Writer.WaitForSpace(8)) pair.Guest.Writer.StopWaitingForSpace();
            }
        }

        Lap();
        Assert.Equal(0, Allocations.LeastOf(Lap));
    }

    private static RingMapping RingMappingFor(RingPair pair) => pair.Guest.MapOutboundForHost();
}
