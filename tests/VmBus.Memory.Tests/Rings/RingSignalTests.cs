using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>Who must be signalled when: the rules of protocol-spec/ring.md#signalling as tables, for both directions of a channel.</summary>
public sealed class RingSignalTests
{
    // Packets of 32 bytes: unread ones from before, packets that the reader takes before the batch is published, mask.
    [Theory]
    [InlineData(0, 0, 0u, 1, true)]
    [InlineData(0, 0, 0u, 3, true)]
    [InlineData(0, 0, 1u, 1, false)]
    [InlineData(0, 0, 0x8000_0000u, 1, false)]
    [InlineData(1, 0, 0u, 1, false)]
    [InlineData(2, 1, 0u, 1, false)]
    [InlineData(2, 2, 0u, 1, true)]
    [InlineData(2, 2, 0u, 3, true)]
    [InlineData(2, 2, 1u, 3, false)]
    [InlineData(0, 0, 0u, 0, false)]
    public void Producer_signals_when_the_reader_had_read_everything(int before, int read, uint mask, int batch, bool signal)
    {
        using var pair = new RingPair();
        for (int i = 0; i < before; i++) pair.Write(8);
        pair.Writer.Commit();
        for (int i = 0; i < batch; i++) pair.Write(8);
        for (int i = 0; i < read; i++) Assert.NotNull(pair.Guest.Receive());
        pair.Guest.PokeInbound(RingControlPage.InterruptMask, mask);
        Assert.Equal(signal, pair.Writer.Commit());
    }

    [Fact]
    public void Producer_does_not_signal_when_the_reader_already_sees_the_batch()
    {
        // The reader takes a part of the batch between the publication and the look at its index: it is awake.
        using var pair = new RingPair();
        Assert.Equal(RingStatus.Ok, pair.Write(8));
        Assert.Equal(RingStatus.Ok, pair.Write(8));
        pair.Writer.Commit();
        Assert.NotNull(pair.Guest.Receive());
        Assert.Equal(RingStatus.Ok, pair.Write(8));
        Assert.False(pair.Writer.Commit());
    }

    [Fact]
    public void Reader_that_has_not_committed_is_not_signalled_and_finds_the_packet_by_unmasking()
    {
        using var pair = new RingPair();
        Assert.True(pair.Guest.Send([1]));
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        Assert.False(pair.Guest.Send([2]));
        pair.Reader.Commit();
        Assert.True(pair.Reader.UnmaskInterrupts());
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        pair.Reader.Commit();
        Assert.False(pair.Reader.UnmaskInterrupts());
        Assert.True(pair.Guest.Send([3]));
    }

    [Fact]
    public void Mask_is_visible_to_the_writer_until_unmasked()
    {
        using var pair = new RingPair();
        pair.Reader.MaskInterrupts();
        Assert.Equal(1u, pair.Outbound.InterruptMask);
        Assert.False(pair.Guest.Send([1]));
        Assert.True(pair.Reader.UnmaskInterrupts());
        Assert.Equal(0u, pair.Outbound.InterruptMask);
    }

    [Fact]
    public void New_reader_clears_the_mask_of_the_last_time()
    {
        using var pair = new RingPair(beforeHost: guest => guest.PokeOutbound(RingControlPage.InterruptMask, 1));
        Assert.Equal(0u, pair.Outbound.InterruptMask);
        Assert.True(pair.Guest.Send([1]));
    }

    [Fact]
    public void New_writer_clears_the_wait_of_the_last_time()
    {
        using var pair = new RingPair(beforeHost: guest => guest.PokeInbound(RingControlPage.PendingSendSize, 64));
        Assert.Equal(0u, pair.Inbound.PendingSendSize);
    }

    // 127 packets of 32 bytes fill the ring to 32 free bytes. Then the reader takes some in one batch and some in a second one.
    [Theory]
    [InlineData(0u, 1, 1, false, false)]
    [InlineData(32u, 1, 1, true, false)]
    [InlineData(64u, 1, 1, true, true)]
    [InlineData(65u, 1, 1, true, true)]
    [InlineData(71u, 1, 1, true, true)]
    [InlineData(72u, 1, 1, false, true)]
    [InlineData(96u, 1, 1, false, true)]
    [InlineData(104u, 1, 1, false, false)]
    [InlineData(104u, 1, 100, false, true)]
    [InlineData(4096u, 126, 1, false, true)]
    [InlineData(4096u, 126, 0, false, false)]
    [InlineData(4104u, 126, 1, false, false)]
    [InlineData(0xFFFF_FFFFu, 126, 1, false, false)]
    [InlineData(24u, 1, 1, false, false)]
    public void Consumer_signals_when_free_space_crosses_the_pending_size(uint pending, int first, int second, bool atFirst, bool atSecond)
    {
        using var pair = new RingPair();
        for (int i = 0; i < 127; i++) Assert.Equal(RingStatus.Ok, pair.Guest.Writer.TryWrite(PacketType.DataInband, [], new byte[8], 0, 0));
        pair.Guest.Writer.Commit();
        pair.Guest.PokeOutbound(RingControlPage.PendingSendSize, pending);
        pair.Reader.MaskInterrupts();

        for (int i = 0; i < first; i++) Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(atFirst, pair.Reader.Commit());
        for (int i = 0; i < second; i++) Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(atSecond, pair.Reader.Commit());
        Assert.False(pair.Reader.Commit());
    }

    [Fact]
    public void Permanent_pending_size_is_signalled_at_every_crossing()
    {
        // Socket channels set it once to their largest packet and never clear it.
        using var pair = new RingPair(3);
        pair.Guest.PokeOutbound(RingControlPage.PendingSendSize, 4120);
        for (int lap = 0; lap < 5; lap++)
        {
            int sent = 0;
            while (pair.Guest.Writer.TryWrite(PacketType.DataInband, [], new byte[1000], 0, 0) == RingStatus.Ok) sent++;
            pair.Guest.Writer.Commit();
            int signals = 0;
            for (int i = 0; i < sent; i++)
            {
                Assert.Equal(RingStatus.Ok, pair.Read(out _));
                if (pair.Reader.Commit()) signals++;
            }

            Assert.Equal(1, signals);
        }
    }

    // The need is the packet with descriptor, padding and trailer; asked for are 8 bytes more, or half of the ring of 8192 bytes.
    [Theory]
    [InlineData(0, 4096u)]
    [InlineData(4064, 4096u)]
    [InlineData(4065, 4104u)]
    [InlineData(6000, 6032u)]
    [InlineData(6001, 6040u)]
    [InlineData(8152, 8184u)]
    [InlineData(8160, 8184u)]
    [InlineData(100000, 8184u)]
    [InlineData(int.MaxValue, 8184u)]
    public void Waiting_asks_for_what_fits_the_packet_and_the_ring(int payloadBytes, uint pending)
    {
        using var pair = new RingPair(3);
        while (pair.Write(0) == RingStatus.Ok) { }
        pair.Writer.Commit();
        Assert.True(pair.Writer.WaitForSpace(payloadBytes));
        Assert.Equal(pending, pair.Inbound.PendingSendSize);
        pair.Writer.StopWaitingForSpace();
        Assert.Equal(0u, pair.Inbound.PendingSendSize);
    }

    [Fact]
    public void Waiting_ends_at_once_when_the_space_appeared_meanwhile()
    {
        using var pair = new RingPair();
        while (pair.Write(8) == RingStatus.Ok) { }
        pair.Writer.Commit();
        Assert.NotNull(pair.Guest.Receive());
        Assert.False(pair.Writer.WaitForSpace(8));
        Assert.Equal(0u, pair.Inbound.PendingSendSize);
        Assert.Equal(RingStatus.Ok, pair.Write(8));
    }

    [Fact]
    public void Waiting_with_unpublished_packets_is_refused()
    {
        using var pair = new RingPair();
        pair.Write(8);
        Assert.Throws<InvalidOperationException>(() => pair.Writer.WaitForSpace(8));
    }

    /// <summary>
    /// A writer that waits is signalled by the time its packet fits, whatever the sizes are and whichever of the known rules the reader
    /// follows: ours, Linux's ("was at most pending, now above") or the one with ">=" on multiples of 8.
    /// </summary>
    [Theory]
    [InlineData(8)]
    [InlineData(200)]
    [InlineData(1000)]
    [InlineData(3000)]
    [InlineData(4064)]
    public void Waiting_writer_is_signalled_before_the_reader_has_emptied_the_ring(int payloadBytes)
    {
        using var pair = new RingPair();
        foreach (int step in new[] { 1, 2, 3, 7, 50, 1000 })
        {
            while (pair.Write(40) == RingStatus.Ok) { }
            pair.Writer.Commit();
            if (!pair.Writer.WaitForSpace(payloadBytes))
            {
                pair.Guest.ReceiveAll();
                continue;
            }

            uint pending = pair.Inbound.PendingSendSize;
            bool ours = false, linux = false, inclusive = false;
            bool more = true;
            while (more)
            {
                RingControl old = pair.Inbound;
                for (int i = 0; i < step && more; i++) more = pair.Guest.Reader.TryRead(out _) == RingStatus.Ok;
                ours |= pair.Guest.Reader.Commit();
                uint before = 4096 - (old.WriteIndex - old.ReadIndex + 4096) % 4096;
                uint after = 4096 - (old.WriteIndex - pair.Inbound.ReadIndex + 4096) % 4096;
                linux |= before <= pending && after > pending;
                inclusive |= before < (pending & ~7u) && after >= (pending & ~7u);
            }

            Assert.True(ours && linux && inclusive, $"step {step}: ours {ours}, Linux {linux}, inclusive {inclusive}");
            Assert.Equal(RingStatus.Ok, pair.Write(payloadBytes));
            pair.Writer.Commit();
            pair.Writer.StopWaitingForSpace();
            pair.Guest.ReceiveAll();
        }
    }

    [Theory]
    [InlineData(0u, false)]
    [InlineData(1u, true)]
    [InlineData(2u, false)]
    [InlineData(0xFFFF_FFFFu, true)]
    public void Reader_says_whether_it_signals_space(uint features, bool signals)
    {
        using var pair = new RingPair();
        pair.Guest.PokeInbound(RingControlPage.FeatureBits, features);
        Assert.Equal(signals, pair.Writer.ReaderSignalsSpace);
    }
}
