using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Storage;

/// <summary>The storage wire types against golden bytes, every truncation, and values just past their limits.</summary>
public sealed class StorageWireTests
{
    private static readonly byte[] Request = SpecVector.Load("storage-execute-srb-read");

    [Fact]
    public void Golden_read_request_is_understood()
    {
        Assert.True(PacketDescriptor.TryRead(Request, out PacketDescriptor descriptor));
        Assert.Equal(PacketType.DataUsingGpaDirect, descriptor.Type);
        Assert.Equal(Request.Length, descriptor.TotalBytes);
        ReadOnlySpan<byte> payload = Request.AsSpan(descriptor.HeaderBytes);
        Assert.Equal(VstorVersions.PacketBytes, payload.Length);
        Assert.True(VstorHeader.TryRead(payload, out VstorHeader header));
        Assert.Equal(new VstorHeader(VstorOperation.ExecuteSrb, VstorHeader.CompletionRequested, StorageStatus.Success), header);
        Assert.True(ScsiRequestBlock.TryRead(payload[VstorHeader.Size..], out ScsiRequestBlock block));
        Assert.Equal(
            new ScsiRequestBlock(SrbStatus.Pending, 0, Port: 2, Path: 0, Target: 0, Lun: 1, CdbBytes: 10, SenseBytes: 20, SrbDirection.Read, 4096, 0x14A, 60),
            block);
    }

    [Fact]
    public void Golden_buffer_is_understood()
    {
        ReadOnlySpan<byte> header = Request.AsSpan(PacketDescriptor.Size, 24);

        Assert.True(GpaRange.TryReadCount(ref header, out uint count));
        Assert.Equal(1u, count);
        Assert.True(GpaRange.TryRead(ref header, out GpaRange range));
        Assert.Equal((4096, 0, 1, 0x12345UL), (range.Bytes, range.Offset, range.PageCount, range.Page(0)));
        Assert.True(header.IsEmpty);
    }

    [Theory]
    [InlineData("storage-completion-success", SrbStatus.Success, 0, 4096u, 0)]
    [InlineData("storage-completion-check-condition", SrbStatus.Error | SrbStatus.AutosenseValid, 2, 0u, 18)]
    public void Golden_answers_are_what_outcomes_make_of_the_request(string vector, SrbStatus status, byte scsiStatus, uint moved, int senseBytes)
    {
        byte[] expected = SpecVector.Load(vector);
        byte[] block = Request[^ScsiRequestBlock.Size..];
        byte[] sense = senseBytes == 0 ? [] : [0x70, 0, 5, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0];

        ScsiRequestBlock.WriteOutcome(block, status, scsiStatus, moved, sense);

        Assert.Equal(expected[^ScsiRequestBlock.Size..], block);
    }

    [Fact]
    public void Failure_without_sense_data_leaves_none_in_the_answer()
    {
        byte[] block = Request[^ScsiRequestBlock.Size..];

        ScsiRequestBlock.WriteOutcome(block, SrbStatus.InvalidLun, 0, 0, []);

        Assert.Equal(0, block[9]);
        Assert.All(block[16..36], b => Assert.Equal(0, b));
    }

    [Fact]
    public void Sense_data_that_is_too_long_is_cut()
    {
        byte[] block = Request[^ScsiRequestBlock.Size..];

        ScsiRequestBlock.WriteOutcome(block, SrbStatus.Error | SrbStatus.AutosenseValid, 2, 0, Enumerable.Repeat((byte)0xAA, 40).ToArray());

        Assert.Equal(20, block[9]);
        Assert.All(block[16..36], b => Assert.Equal(0xAA, b));
        Assert.Equal(Request[^16..], block[^16..]);
    }

    [Fact]
    public void Truncated_messages_are_refused_at_every_length()
    {
        for (int length = 0; length < 64; length++)
        {
            var bytes = new byte[length];
            Assert.Equal(length >= VstorHeader.Size, VstorHeader.TryRead(bytes, out _));
            Assert.Equal(length >= StorageProperties.Size, StorageProperties.TryRead(bytes, out _));
            Assert.Equal(length >= ScsiRequestBlock.ShortSize, ScsiRequestBlock.TryRead(bytes, out _));
        }
    }

    [Fact]
    public void Short_request_block_has_no_flags()
    {
        byte[] block = Request[^ScsiRequestBlock.Size..];

        Assert.True(ScsiRequestBlock.TryRead(block.AsSpan(0, ScsiRequestBlock.Size - 1), out ScsiRequestBlock read));

        Assert.Equal((0u, 0u), (read.Flags, read.TimeoutSeconds));
        Assert.Equal(4096u, read.TransferBytes);
    }

    [Fact]
    public void Truncated_buffers_are_refused_at_every_length()
    {
        byte[] whole = Request[PacketDescriptor.Size..40];
        for (int length = 0; length < whole.Length; length++)
        {
            ReadOnlySpan<byte> header = whole.AsSpan(0, length);
            bool counted = GpaRange.TryReadCount(ref header, out _);
            Assert.Equal(length >= GpaRange.HeaderBytes, counted);
            if (counted) Assert.False(GpaRange.TryRead(ref header, out _));
        }
    }

    [Theory]
    [InlineData(4096u, 0u, 1, true)]
    [InlineData(4096u, 1u, 1, false)] // Touches two pages.
    [InlineData(4096u, 1u, 2, true)]
    [InlineData(1u, 4095u, 1, true)]
    [InlineData(2u, 4095u, 1, false)]
    [InlineData(1u, 4096u, 2, false)] // Begins outside the first page.
    [InlineData(1u, uint.MaxValue, 2, false)]
    [InlineData(0u, 0u, 0, true)]
    [InlineData(uint.MaxValue, 0u, 4, false)]
    [InlineData(uint.MaxValue, 4095u, 4, false)] // Would wrap in 32 bits.
    [InlineData((uint)int.MaxValue, 0u, 4, false)]
    public void Range_is_taken_only_when_its_pages_are_all_there(uint bytes, uint offset, int pages, bool taken)
    {
        var buffer = new byte[8 + (pages * 8)];
        BitConverter.TryWriteBytes(buffer, bytes);
        BitConverter.TryWriteBytes(buffer.AsSpan(4), offset);
        ReadOnlySpan<byte> header = buffer;

        Assert.Equal(taken, GpaRange.TryRead(ref header, out GpaRange range));
        if (taken) Assert.Equal(pages, range.PageCount);
    }

    [Fact]
    public void Versions_know_what_they_bring()
    {
        Assert.False(VstorVersion.None.IsKnown());
        Assert.False(((VstorVersion)0x0601).IsKnown());
        Assert.Equal((48, false, false), Describe(VstorVersion.Win6));
        Assert.Equal((48, false, true), Describe(VstorVersion.Win7));
        Assert.Equal((64, true, true), Describe(VstorVersion.Win8));
        Assert.Equal((64, true, true), Describe(VstorVersion.Win10));

        static (int Bytes, bool Subchannels, bool Notices) Describe(VstorVersion version)
            => (version.NoticeBytes(), version.HasSubchannels(), version.HasBusNotices());
    }
}
