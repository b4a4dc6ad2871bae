using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace VmBus.Management.MessagePack;

/// <summary>Writes MessagePack values, each in the shortest form that holds it.</summary>
/// <remarks>
/// Names are those of the MessagePack package, so that it can take this one's place. Nothing is in the buffer for sure before
/// <see cref="Flush"/>. One thread. Source: protocol-spec/control.md#values.
/// </remarks>
public ref struct MessagePackWriter
{
    private readonly IBufferWriter<byte> _output;
    private Span<byte> _span;
    private int _used;

    /// <summary>Appends to <paramref name="output"/>.</summary>
    public MessagePackWriter(IBufferWriter<byte> output) => _output = output;

    /// <summary>Hands what was written to the buffer.</summary>
    public void Flush()
    {
        if (_used == 0) return;
        _output.Advance(_used);
        _span = default;
        _used = 0;
    }

    /// <summary>Writes nothing: nil.</summary>
    public void WriteNil() => Put(MessagePackCode.Nil);

    /// <summary>Writes true or false.</summary>
    public void Write(bool value) => Put(value ? MessagePackCode.True : MessagePackCode.False);

    /// <summary>Writes a whole number.</summary>
    public void Write(long value)
    {
        switch (value)
        {
            case >= 0:
                Write((ulong)value);
                break;
            case >= -32:
                Put((byte)value);
                break;
            case >= sbyte.MinValue:
                Put(MessagePackCode.Int8);
                Put((byte)value);
                break;
            case >= short.MinValue:
                Put(MessagePackCode.Int16);
                BinaryPrimitives.WriteInt16BigEndian(Room(sizeof(short)), (short)value);
                break;
            case >= int.MinValue:
                Put(MessagePackCode.Int32);
                BinaryPrimitives.WriteInt32BigEndian(Room(sizeof(int)), (int)value);
                break;
            default:
                Put(MessagePackCode.Int64);
                BinaryPrimitives.WriteInt64BigEndian(Room(sizeof(long)), value);
                break;
        }
    }

    /// <summary>Writes a whole number that is not negative.</summary>
    public void Write(ulong value)
    {
        switch (value)
        {
            case <= MessagePackCode.MaximumFixInt:
                Put((byte)value);
                break;
            case <= byte.MaxValue:
                Put(MessagePackCode.UInt8);
                Put((byte)value);
                break;
            case <= ushort.MaxValue:
                Put(MessagePackCode.UInt16);
                BinaryPrimitives.WriteUInt16BigEndian(Room(sizeof(ushort)), (ushort)value);
                break;
            case <= uint.MaxValue:
                Put(MessagePackCode.UInt32);
                BinaryPrimitives.WriteUInt32BigEndian(Room(sizeof(uint)), (uint)value);
                break;
            default:
                Put(MessagePackCode.UInt64);
                BinaryPrimitives.WriteUInt64BigEndian(Room(sizeof(ulong)), value);
                break;
        }
    }

    /// <summary>Writes a number with a fraction, in 64 bits.</summary>
    public void Write(double value)
    {
        Put(MessagePackCode.Float64);
        BinaryPrimitives.WriteDoubleBigEndian(Room(sizeof(double)), value);
    }

    /// <summary>Writes text as UTF-8, or nil for null. Half a surrogate pair becomes the replacement character.</summary>
    public void Write(string? value)
    {
        if (value is null)
        {
            WriteNil();
            return;
        }

        int bytes = Encoding.UTF8.GetByteCount(value);
        if (bytes < 32) Put((byte)(MessagePackCode.FixString | bytes));
        else PutLength(bytes, MessagePackCode.String8, MessagePackCode.String16, MessagePackCode.String32);
        Encoding.UTF8.GetBytes(value, Room(bytes));
    }

    /// <summary>Writes bytes.</summary>
    public void Write(ReadOnlySpan<byte> value)
    {
        PutLength(value.Length, MessagePackCode.Binary8, MessagePackCode.Binary16, MessagePackCode.Binary32);
        WriteRaw(value);
    }

    /// <summary>Writes the head of an array; as many values are to follow.</summary>
    public void WriteArrayHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count < 16) Put((byte)(MessagePackCode.FixArray | count));
        else PutLength(count, null, MessagePackCode.Array16, MessagePackCode.Array32);
    }

    /// <summary>Writes the head of a map; as many keys are to follow, each with its value.</summary>
    public void WriteMapHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count < 16) Put((byte)(MessagePackCode.FixMap | count));
        else PutLength(count, null, MessagePackCode.Map16, MessagePackCode.Map32);
    }

    /// <summary>Copies a value that is MessagePack already.</summary>
    public void WriteRaw(ReadOnlySpan<byte> value) => value.CopyTo(Room(value.Length));

    private void PutLength(int length, byte? code8, byte code16, byte code32)
    {
        if (length <= byte.MaxValue && code8 is { } code)
        {
            Put(code);
            Put((byte)length);
        }
        else if (length <= ushort.MaxValue)
        {
            Put(code16);
            BinaryPrimitives.WriteUInt16BigEndian(Room(sizeof(ushort)), (ushort)length);
        }
        else
        {
            Put(code32);
            BinaryPrimitives.WriteUInt32BigEndian(Room(sizeof(uint)), (uint)length);
        }
    }

    private void Put(byte value) => Room(1)[0] = value;

    private Span<byte> Room(int bytes)
    {
        if (bytes > _span.Length - _used)
        {
            Flush();
            _span = _output.GetSpan(bytes);
        }

        Span<byte> room = _span.Slice(_used, bytes);
        _used += bytes;
        return room;
    }
}
