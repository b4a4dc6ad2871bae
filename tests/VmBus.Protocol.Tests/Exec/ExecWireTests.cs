using System.Buffers.Binary;
using VmBus.Protocol.Exec;
using Xunit;

namespace VmBus.Protocol.Tests.Exec;

/// <summary>What either side may send, whole, cut off and malformed.</summary>
public sealed class ExecWireTests
{
    [Fact]
    public void Request_is_read_back()
    {
        ExecRequest sample = ExecPageTests.Sample();
        Assert.True(ExecRequest.TryRead(Written(sample), out ExecRequest? request));
        Assert.Equal((sample.Flags, sample.Window, sample.User, sample.Folder), (request!.Flags, request.Window, request.User, request.Folder));
        Assert.Equal(sample.Arguments, request.Arguments);
        Assert.Equal(sample.Variables, request.Variables);
    }

    [Fact]
    public void Request_cut_off_anywhere_or_with_more_behind_it_is_refused()
    {
        byte[] whole = Written(ExecPageTests.Sample());
        for (int bytes = 0; bytes < whole.Length; bytes++) Assert.False(ExecRequest.TryRead(whole.AsSpan(0, bytes), out _));
        Assert.False(ExecRequest.TryRead([.. whole, 0], out _));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(2, 4)]
    [InlineData(8, 0)]
    [InlineData(8, 4)]
    [InlineData(8, 0xFFFF)]
    [InlineData(10, 1)]
    [InlineData(10, 0xFFFF)]
    [InlineData(12, 0xFFFF)]
    [InlineData(14, 0)]
    [InlineData(14, 0xFFFF)]
    [InlineData(19, 0)]
    public void Request_with_a_field_that_makes_no_sense_is_refused(int offset, int value)
    {
        byte[] bytes = Written(ExecPageTests.Sample());
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(offset), (ushort)value);
        Assert.False(ExecRequest.TryRead(bytes, out _));
    }

    [Fact]
    public void Request_without_a_program_or_with_a_nameless_variable_is_refused()
    {
        Assert.False(ExecRequest.TryRead(Written(new ExecRequest { Arguments = ["", "x"] }), out _));
        Assert.False(ExecRequest.TryRead(Written(new ExecRequest { Arguments = ["x"], Variables = ["=x"] }), out _));
        Assert.False(ExecRequest.TryRead(Written(new ExecRequest { Arguments = ["x"], Variables = ["x"] }), out _));
    }

    [Fact]
    public void Request_that_is_too_long_or_has_a_zero_byte_is_not_written()
    {
        byte[] room = new byte[ExecProtocol.MaximumPayloadBytes];
        int fixedBytes = ExecRequest.FixedBytes + (3 * sizeof(ushort));
        Assert.Equal(room.Length, new ExecRequest { Arguments = [new string('x', room.Length - fixedBytes)] }.TryWrite(room));
        Assert.Equal(0, new ExecRequest { Arguments = [new string('x', room.Length - fixedBytes + 1)] }.TryWrite(room));
        Assert.Equal(0, new ExecRequest { Arguments = ["a\0b"] }.TryWrite(room));
        Assert.Equal(0, new ExecRequest { Arguments = [new string('x', 70_000)] }.TryWrite(new byte[100_000]));
    }

    [Fact]
    public void Frames_are_taken_whole_from_whatever_pieces()
    {
        byte[] stream = [.. Frame(1, [1, 2, 3]), .. Frame(2, []), .. Frame(3, new byte[ExecProtocol.MaximumPayloadBytes])];
        foreach (int piece in new[] { 1, 7, 65536, 200_000 })
        {
            var reader = new ExecFrameReader();
            List<(byte Type, int Bytes)> taken = [];
            for (int at = 0; at < stream.Length;)
            {
                Memory<byte> room = reader.Room();
                int count = Math.Min(Math.Min(piece, room.Length), stream.Length - at);
                stream.AsSpan(at, count).CopyTo(room.Span);
                reader.Added(count);
                at += count;
                while (reader.TryTake(out byte type, out ReadOnlySpan<byte> payload) == ExecFrameStatus.Taken) taken.Add((type, payload.Length));
            }

            Assert.Equal([(1, 3), (2, 0), (3, ExecProtocol.MaximumPayloadBytes)], taken);
            Assert.False(reader.IsWithinFrame);
        }
    }

    [Theory]
    [InlineData(0x10001u, 1, 0)]
    [InlineData(0xFFFFFFFFu, 1, 0)]
    [InlineData(0x80000000u, 1, 0)]
    [InlineData(0u, 1, 1)]
    [InlineData(0u, 1, 0x800000)]
    public void Frame_that_is_too_long_or_has_reserved_bytes_is_corrupt_before_its_payload_comes(uint bytes, byte type, uint reserved)
    {
        var reader = new ExecFrameReader();
        Span<byte> room = reader.Room().Span;
        BinaryPrimitives.WriteUInt32LittleEndian(room, bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(room[4..], type | (reserved << 8));
        reader.Added(ExecFrameHeader.Size - 1);
        Assert.Equal(ExecFrameStatus.Incomplete, reader.TryTake(out _, out _));
        // The last byte is in its place already.
        reader.Added(1);
        Assert.Equal(ExecFrameStatus.Corrupt, reader.TryTake(out _, out _));
    }

    [Fact]
    public void More_than_there_is_room_for_cannot_be_added()
    {
        var reader = new ExecFrameReader();
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.Added(reader.Room().Length + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.Added(-1));
    }

    [Fact]
    public void Small_payloads_of_another_length_or_out_of_range_are_refused()
    {
        for (int bytes = 0; bytes < 12; bytes++)
        {
            byte[] payload = new byte[bytes];
            if (bytes > 0) payload[0] = 1;
            Assert.Equal(bytes == 4, ExecWindowSize.TryRead(payload, out _));
            Assert.Equal(bytes == 4, ExecSignalRequest.TryRead(payload, out _));
            Assert.Equal(bytes == 4, ExecInputTaken.TryRead(payload, out _));
            Assert.Equal(bytes == 4, ExecExited.TryRead(payload, out _));
            Assert.Equal(bytes == 4, ExecKilled.TryRead(payload, out _));
            Assert.Equal(bytes == 8, ExecStarted.TryRead(payload, out _));
            Assert.Equal(bytes >= 2, ExecError.TryRead(payload, out _));
        }

        foreach (uint signal in new uint[] { 0, 4, 11, 17, 19, 0xFFFFFFFF }) Assert.False(ExecSignalRequest.TryRead(Word(signal), out _));
        foreach (uint bytes in new uint[] { 0, ExecProtocol.InputWindowBytes + 1, 0xFFFFFFFF }) Assert.False(ExecInputTaken.TryRead(Word(bytes), out _));
        foreach (uint status in new uint[] { 256, 0xFFFFFFFF }) Assert.False(ExecExited.TryRead(Word(status), out _));
        foreach (uint signal in new uint[] { 0, 65, 0xFFFFFFFF }) Assert.False(ExecKilled.TryRead(Word(signal), out _));
        Assert.False(ExecError.TryRead(new byte[ExecError.MaximumBytes + 1], out _));
    }

    [Fact]
    public void Text_of_an_error_is_cut_between_characters_and_replaced_where_it_is_none()
    {
        byte[] bytes = new byte[ExecError.MaximumBytes];
        int count = new ExecError(ExecErrorCode.Failed, "x" + new string('ü', 1000)).Write(bytes);
        Assert.Equal(ExecError.MaximumBytes - 1, count);
        Assert.True(ExecError.TryRead(bytes.AsSpan(0, count), out ExecError error));
        Assert.Equal("x" + new string('ü', 511), error.Text);
        Assert.True(ExecError.TryRead([8, 0, 0xFF, (byte)'a'], out error));
        Assert.Equal("\uFFFDa", error.Text);
    }

    private static byte[] Written(ExecRequest request)
    {
        byte[] bytes = new byte[ExecProtocol.MaximumPayloadBytes];
        return bytes[..request.TryWrite(bytes)];
    }

    private static byte[] Frame(byte type, byte[] payload)
    {
        byte[] frame = new byte[ExecFrameHeader.Size + payload.Length];
        new ExecFrameHeader(payload.Length, type).Write(frame);
        payload.CopyTo(frame, ExecFrameHeader.Size);
        return frame;
    }

    private static byte[] Word(uint value)
    {
        byte[] bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
