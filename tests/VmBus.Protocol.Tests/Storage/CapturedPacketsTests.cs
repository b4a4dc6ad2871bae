using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tests.Storage;

/// <summary>Every ring packet of real guests' storage drivers is read, and what is read is all there is in it.</summary>
public sealed class CapturedPacketsTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("storage")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Packet_is_read_and_written_again_byte_for_byte(string name)
    {
        SpecConversation conversation = SpecConversation.Load(name);
        foreach (SpecUtterance packet in conversation.Utterances.Where(line => line.Label.StartsWith("channel", StringComparison.Ordinal)))
        {
            var written = new byte[packet.Bytes.Length];
            Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
            Assert.Equal(packet.Bytes.Length, descriptor.TotalBytes);
            Assert.Equal(packet.FromGuest ? descriptor.Flags : 0, descriptor.Flags);
            descriptor.Write(written);
            ReadOnlySpan<byte> header = packet.Bytes.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size);
            WriteRanges(descriptor.Type, header, written.AsSpan(PacketDescriptor.Size));
            ReadOnlySpan<byte> body = packet.Bytes.AsSpan(descriptor.HeaderBytes);
            Span<byte> copy = written.AsSpan(descriptor.HeaderBytes);
            Assert.True(VstorHeader.TryRead(body, out VstorHeader vstor));
            vstor.Write(copy);
            if (vstor.Operation == VstorOperation.ExecuteSrb)
                WriteBlock(body[VstorHeader.Size..], copy[VstorHeader.Size..]);
            else
                body[VstorHeader.Size..].CopyTo(copy[VstorHeader.Size..]);
            Assert.Equal(Convert.ToHexStringLower(packet.Bytes), Convert.ToHexStringLower(written));
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Capture_holds_the_handshake_and_the_commands_of_a_disks_life(string name)
    {
        var operations = new HashSet<VstorOperation>();
        var commands = new HashSet<byte>();
        foreach (SpecUtterance packet in SpecConversation.Load(name).Utterances.Where(line => line.FromGuest && line.Label.StartsWith("channel", StringComparison.Ordinal)))
        {
            Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
            ReadOnlySpan<byte> body = packet.Bytes.AsSpan(descriptor.HeaderBytes);
            Assert.True(VstorHeader.TryRead(body, out VstorHeader header));
            operations.Add(header.Operation);
            if (header.Operation == VstorOperation.ExecuteSrb) commands.Add(body[VstorHeader.Size + ScsiRequestBlock.CdbOffset]);
        }

        Assert.Equal(
            [
                VstorOperation.ExecuteSrb, VstorOperation.BeginInitialization, VstorOperation.EndInitialization, VstorOperation.QueryProtocolVersion,
                VstorOperation.QueryProperties, VstorOperation.CreateSubchannels,
            ],
            operations.Order());
        // TEST UNIT READY, INQUIRY, MODE SENSE(6), READ(10), WRITE(10), SYNCHRONIZE CACHE(10), UNMAP, READ CAPACITY(16), REPORT LUNS.
        Assert.Superset(new HashSet<byte> { 0x00, 0x12, 0x1A, 0x28, 0x2A, 0x35, 0x42, 0x9E, 0xA0 }, commands);
    }

    // Reserved words may hold anything, the rest is what the ranges say.
    private static void WriteRanges(PacketType type, ReadOnlySpan<byte> header, Span<byte> written)
    {
        if (type != PacketType.DataUsingGpaDirect)
        {
            Assert.Equal(0, header.Length);
            return;
        }

        header[..4].CopyTo(written);
        Assert.True(GpaRange.TryReadCount(ref header, out uint count));
        WriteUInt32LittleEndian(written[4..], count);
        int at = GpaRange.HeaderBytes;
        for (; count > 0; count--)
        {
            Assert.True(GpaRange.TryRead(ref header, out GpaRange range));
            WriteUInt32LittleEndian(written[at..], (uint)range.Bytes);
            WriteUInt32LittleEndian(written[(at + 4)..], (uint)range.Offset);
            at += GpaRange.FixedBytes;
            for (int page = 0; page < range.PageCount; page++, at += sizeof(ulong)) WriteUInt64LittleEndian(written[at..], range.Page(page));
        }

        Assert.Equal(0, header.Length);
    }

    // The command descriptor block and the queue's bytes are passed on, the block's other fields are read.
    private static void WriteBlock(ReadOnlySpan<byte> block, Span<byte> written)
    {
        Assert.True(ScsiRequestBlock.TryRead(block, out ScsiRequestBlock request));
        request.Write(written);
        block.Slice(ScsiRequestBlock.CdbOffset, 24).CopyTo(written[ScsiRequestBlock.CdbOffset..]);
        block[48..].CopyTo(written[48..]);
    }
}
