using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>A ring that is full to its writer though everything was read: protocol-spec/ring.md#sealing.</summary>
public sealed class RingSealTests
{
    // Less than the smallest packet, and not the 0 or all of an empty ring.
    private const int FullBytes = 8;

    [Fact]
    public void Sealed_ring_has_no_room_and_is_as_it_was_when_it_is_opened_again()
    {
        using var pair = new RingPair();
        for (int round = 0; round < 300; round++)
        {
            pair.Guest.Send([1]);
            Assert.Equal(RingStatus.Ok, pair.Read(out _));
            Assert.Equal(RingStatus.Empty, pair.Read(out _));
            pair.Reader.IsSealed = true;
            Assert.False(pair.Reader.IsSettled);
            Assert.False(pair.Reader.Commit());
            Assert.True(pair.Reader.IsSettled);
            Assert.Equal(FullBytes, Room(pair));
            Assert.Equal(pair.Outbound.ReadIndex, pair.Reader.PublishedIndex);
            pair.Reader.IsSealed = false;
            Assert.False(pair.Reader.Commit());
            Assert.False(pair.Reader.IsSettled);
            Assert.Equal(pair.DataBytes, Room(pair));
        }
    }

    [Fact]
    public void Ring_with_packets_that_were_not_read_is_not_sealed_yet()
    {
        using var pair = new RingPair();
        pair.Guest.Send([1]);
        pair.Guest.Send([2]);
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        pair.Reader.IsSealed = true;
        pair.Reader.Commit();
        // A look at the index, to the second.
        Assert.False(pair.Reader.IsSettled);
        Assert.Equal(pair.Outbound.WriteIndex / 2, pair.Outbound.ReadIndex);
    }

    [Fact]
    public void Packet_that_was_being_written_is_read_and_the_ring_sealed_behind_it()
    {
        using var pair = new RingPair();
        Assert.Equal(RingStatus.Ok, pair.Guest.Writer.TryWrite(PacketType.DataInband, [], new byte[8], 1, 0));
        pair.Reader.IsSealed = true;
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        pair.Reader.Commit();
        Assert.True(pair.Reader.IsSettled);
        // Not signalled: the ring was not empty to its writer.
        Assert.False(pair.Guest.Writer.Commit());
        Assert.False(pair.Reader.IsSettled);
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        pair.Reader.Commit();
        Assert.True(pair.Reader.IsSettled);
        Assert.Equal(FullBytes, Room(pair));
    }

    [Fact]
    public void Writer_that_waits_for_space_is_signalled_only_when_the_ring_is_opened_again()
    {
        using var pair = new RingPair();
        pair.Guest.PokeOutbound(RingControlPage.PendingSendSize, 64);
        pair.Guest.Send([1]);
        Assert.Equal(RingStatus.Ok, pair.Read(out _));
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
        pair.Reader.IsSealed = true;
        Assert.False(pair.Reader.Commit());
        Assert.False(pair.Reader.Commit());
        pair.Reader.IsSealed = false;
        Assert.True(pair.Reader.Commit());
    }

    // As a producer counts it that takes the other's index as it is.
    private static int Room(RingPair pair)
    {
        int room = (int)pair.Outbound.ReadIndex - (int)pair.Outbound.WriteIndex;
        return room > 0 ? room : room + pair.DataBytes;
    }
}
