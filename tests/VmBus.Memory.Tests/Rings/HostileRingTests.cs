using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>Whatever the guest writes into a ring is reported as Corrupt, or harms only the guest: no exception, no endless reading.</summary>
public sealed class HostileRingTests
{
    [Theory]
    [InlineData(4u)]
    [InlineData(7u)]
    [InlineData(4096u + 8)]
    [InlineData(0x8000_0000u)]
    [InlineData(0xFFFF_FFF8u)]
    [InlineData(0xFFFF_FFFFu)]
    public void Bad_index_is_corrupt_at_every_place(uint index)
    {
        using (var pair = new RingPair(beforeHost: guest => guest.PokeOutbound(RingControlPage.ReadIndex, index)))
            Assert.Equal(RingStatus.Corrupt, pair.Read(out _));

        using (var pair = new RingPair())
        {
            pair.Guest.PokeOutbound(RingControlPage.WriteIndex, index);
            Assert.True(pair.Reader.UnmaskInterrupts());
            Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
        }

        using (var pair = new RingPair(beforeHost: guest => guest.PokeInbound(RingControlPage.WriteIndex, index)))
            Assert.Equal(RingStatus.Corrupt, pair.Write(8));

        using (var pair = new RingPair(beforeHost: guest => guest.PokeInbound(RingControlPage.ReadIndex, index)))
            Assert.Equal(RingStatus.Corrupt, pair.Write(8));

        using (var pair = new RingPair())
        {
            pair.Write(8);
            pair.Guest.PokeInbound(RingControlPage.ReadIndex, index);
            Assert.False(pair.Writer.Commit());
            Assert.Equal(RingStatus.Corrupt, pair.Write(8));
        }
    }

    [Fact]
    public void Index_equal_to_the_length_is_zero()
    {
        using var pair = new RingPair(beforeHost: RingPair.StartAt(4096));
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        Assert.Equal(RingStatus.Ok, pair.Write(8));
        Assert.True(pair.Writer.Commit());
        Assert.Equal(32u, pair.Inbound.WriteIndex);
    }

    [Fact]
    public void Corrupt_stays_although_the_guest_repairs_the_index()
    {
        using var pair = new RingPair();
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, 3);
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, 0);
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
        Assert.False(pair.Reader.UnmaskInterrupts());
        Assert.False(pair.Reader.Commit());

        pair.Guest.PokeInbound(RingControlPage.ReadIndex, 3);
        pair.Write(8);
        pair.Writer.Commit();
        pair.Guest.PokeInbound(RingControlPage.ReadIndex, 0);
        Assert.Equal(RingStatus.Corrupt, pair.Write(8));
        Assert.False(pair.Writer.WaitForSpace(8));
    }

    // Header and total length in units of 8 bytes, bytes the write index announces.
    [Theory]
    [InlineData(2, 3, 8)]
    [InlineData(2, 3, 16)]
    [InlineData(2, 3, 24)]
    [InlineData(2, 4, 32)]
    [InlineData(2, 2, 16)]
    [InlineData(0, 3, 32)]
    [InlineData(1, 3, 32)]
    [InlineData(4, 3, 32)]
    [InlineData(2, 1, 32)]
    [InlineData(2, 0, 32)]
    [InlineData(0, 0, 32)]
    [InlineData(2, 0xFFFF, 4088)]
    [InlineData(0xFFFF, 0xFFFF, 4088)]
    [InlineData(2, 511, 4088)]
    public void Bad_lengths_are_corrupt(int header, int total, uint announced)
    {
        using var pair = new RingPair(maximumPacketBytes: 65536 * 8);
        Announce(pair, header, total, announced);
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
        Assert.Equal(0u, pair.Outbound.ReadIndex);
    }

    [Theory]
    [InlineData(2, 2, 24)]
    [InlineData(2, 3, 32)]
    [InlineData(3, 3, 32)]
    [InlineData(2, 3, 4088)]
    [InlineData(510, 510, 4088)]
    public void Lengths_at_their_limits_are_read(int header, int total, uint announced)
    {
        using var pair = new RingPair(maximumPacketBytes: 65536 * 8);
        Announce(pair, header, total, announced);
        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        Assert.Equal(header * 8 - 16, packet!.Header.Length);
        Assert.Equal((total - header) * 8, packet.Payload.Length);
    }

    [Fact]
    public void Packet_longer_than_the_protocol_allows_is_corrupt()
    {
        using var pair = new RingPair(maximumPacketBytes: 80);
        pair.Guest.Send(new byte[64]);
        pair.Guest.Send(new byte[72]);
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
    }

    [Fact]
    public void Write_index_that_moves_back_over_read_packets_is_corrupt()
    {
        using var pair = new RingPair();
        FillWithPackets(pair);
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, 128);
        for (int i = 0; i < 4; i++) Assert.Equal(RingStatus.Ok, pair.Read(out _));
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, 64);
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
    }

    [Fact]
    public void Read_index_beyond_what_was_published_is_corrupt()
    {
        using var pair = new RingPair();
        for (int i = 0; i < 100; i++) pair.Write(8);
        pair.Writer.Commit();
        pair.Guest.PokeInbound(RingControlPage.ReadIndex, 3208);
        for (int i = 0; i < 27; i++) Assert.Equal(RingStatus.Ok, pair.Write(8));
        Assert.Equal(RingStatus.Corrupt, pair.Write(8));
    }

    [Fact]
    public void Read_index_that_moves_back_is_corrupt()
    {
        using var pair = new RingPair();
        for (int i = 0; i < 100; i++) pair.Write(8);
        pair.Writer.Commit();
        pair.Guest.PokeInbound(RingControlPage.ReadIndex, 64);
        pair.Write(8);
        Assert.False(pair.Writer.Commit());
        pair.Guest.PokeInbound(RingControlPage.ReadIndex, 32);
        pair.Write(8);
        pair.Writer.Commit();
        Assert.Equal(RingStatus.Corrupt, pair.Write(8));
    }

    [Fact]
    public void Words_that_the_host_owns_may_be_overwritten_without_effect_on_it()
    {
        using var pair = new RingPair();
        for (int i = 0; i < 3000; i++)
        {
            pair.Guest.PokeOutbound(RingControlPage.ReadIndex, (uint)(i * 13));
            pair.Guest.PokeOutbound(RingControlPage.InterruptMask, (uint)i);
            pair.Guest.PokeInbound(RingControlPage.WriteIndex, (uint)(i * 17));
            pair.Guest.PokeInbound(RingControlPage.PendingSendSize, (uint)(i * 19));
            using var guestView = pair.Guest.MapOutboundForHost();
            uint next = (uint)(i * 32 % 4096);
            new PacketDescriptor(PacketType.DataInband, 16, 24, 0, (ulong)i).Write(guestView.Data(next, 16));
            pair.Guest.PokeOutbound(RingControlPage.WriteIndex, (next + 32) % 4096);

            Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
            Assert.Equal((ulong)i, packet!.Descriptor.TransactionId);
            pair.Reader.Commit();
            Assert.Equal(RingStatus.Ok, pair.Write(8, (ulong)i));
            pair.Writer.Commit();
            Assert.Equal((ulong)i, pair.Guest.Receive()!.Descriptor.TransactionId);
        }
    }

    [Fact]
    public void Packet_in_hand_does_not_change_when_the_ring_does()
    {
        using var pair = new RingPair();
        pair.Guest.Send([1, 2, 3, 4, 5, 6, 7, 8], 5);
        Assert.Equal(RingStatus.Ok, pair.Reader.TryRead(out RingPacket packet));
        var ones = new byte[4096];
        ones.AsSpan().Fill(0xFF);
        pair.Guest.PokeOutboundData(0, ones);
        Assert.Equal(5u, packet.Descriptor.TransactionId);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], packet.Payload.ToArray());
    }

    [Fact]
    public void Reads_between_two_commits_are_bounded_by_the_ring()
    {
        using var pair = new RingPair();
        FillWithPackets(pair);
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, 4064);
        int reads = 0;
        while (reads < 1000 && pair.Read(out _) == RingStatus.Ok)
        {
            // As soon as something was read the guest announces it once more.
            pair.Guest.PokeOutbound(RingControlPage.WriteIndex, (uint)(reads * 32 % 4096));
            reads++;
        }

        Assert.Equal(127, reads);
        Assert.Equal(RingStatus.Corrupt, pair.Read(out _));
    }

    /// <summary>Random bytes everywhere, changed between calls: every result is a status, and progress ends.</summary>
    [Fact]
    public void Random_rings_end_in_a_status()
    {
        var random = new Random(11);
        var junk = new byte[4096];
        int accepted = 0;
        for (int round = 0; round < 300; round++)
        {
            using var pair = new RingPair(maximumPacketBytes: random.Next(16, 5000));
            random.NextBytes(junk);
            for (int at = 0; at < 4096; at += 8)
            {
                // Plausible lengths are frequent, so that reading goes on for a while.
                junk[at + 2] = (byte)random.Next(1, 5);
                junk[at + 4] = (byte)random.Next(1, 9);
                junk[at + 3] = junk[at + 5] = 0;
            }

            pair.Guest.PokeOutboundData(0, junk);
            for (int step = 0; step < 200; step++)
            {
                pair.Guest.PokeOutbound(RingControlPage.WriteIndex, (uint)random.Next(0, 520) * 8);
                pair.Guest.PokeOutbound(RingControlPage.PendingSendSize, (uint)random.Next());
                pair.Guest.PokeInbound(RingControlPage.ReadIndex, (uint)random.Next(0, 520) * 8);
                if (pair.Read(out _) == RingStatus.Ok) accepted++;
                if (random.Next(2) == 0) pair.Reader.Commit();
                pair.Write(random.Next(0, 500));
                pair.Writer.Commit();
                if (!pair.Writer.WaitForSpace(random.Next(0, 5000))) continue;
                pair.Writer.StopWaitingForSpace();
            }
        }

        Assert.True(accepted > 300, "The random rings are too random to be read at all.");
    }

    // Whole packets of 32 bytes at every place of the ring, whatever the indices say.
    private static void FillWithPackets(RingPair pair)
    {
        var bytes = new byte[4096];
        for (int at = 0; at < bytes.Length; at += 32) new PacketDescriptor(PacketType.DataInband, 16, 24, 0, 0).Write(bytes.AsSpan(at));
        pair.Guest.PokeOutboundData(0, bytes);
    }

    private static void Announce(RingPair pair, int header, int total, uint writeIndex)
    {
        var bytes = new byte[16];
        bytes[0] = 6;
        BitConverter.TryWriteBytes(bytes.AsSpan(2), (ushort)header);
        BitConverter.TryWriteBytes(bytes.AsSpan(4), (ushort)total);
        pair.Guest.PokeOutboundData(0, bytes);
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, writeIndex);
    }
}
