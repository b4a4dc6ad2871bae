using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Channel;

/// <summary>Writes the header of a channel message, then its fields one after the other.</summary>
internal readonly ref struct MessageWriter
{
    private readonly Span<byte> _destination;

    public MessageWriter(Span<byte> destination, uint number)
        : this(destination, MessageTable.HeaderBytes)
    {
        WriteUInt32LittleEndian(destination, number);
        WriteUInt32LittleEndian(destination[4..], 0);
    }

    private MessageWriter(Span<byte> destination, int length)
    {
        _destination = destination;
        Length = length;
    }

    /// <summary>Bytes written so far.</summary>
    public int Length { get; }

    public MessageWriter Byte(byte value)
    {
        _destination[Length] = value;
        return Behind(sizeof(byte));
    }

    public MessageWriter UInt16(ushort value)
    {
        WriteUInt16LittleEndian(_destination[Length..], value);
        return Behind(sizeof(ushort));
    }

    public MessageWriter UInt32(uint value)
    {
        WriteUInt32LittleEndian(_destination[Length..], value);
        return Behind(sizeof(uint));
    }

    public MessageWriter UInt64(ulong value)
    {
        WriteUInt64LittleEndian(_destination[Length..], value);
        return Behind(sizeof(ulong));
    }

    public MessageWriter Guid(Guid value)
    {
        _ = value.TryWriteBytes(_destination[Length..]);
        return Behind(16);
    }

    /// <summary>Writes a field of a fixed length: what is missing is 0, what is too much is left out.</summary>
    public MessageWriter Bytes(ReadOnlySpan<byte> value, int count)
    {
        Span<byte> field = _destination.Slice(Length, count);
        field.Clear();
        value[..Math.Min(value.Length, count)].CopyTo(field);
        return Behind(count);
    }

    /// <summary>Writes reserved bytes: 0.</summary>
    public MessageWriter Reserved(int count) => Bytes(default, count);

    private MessageWriter Behind(int bytes) => new(_destination, Length + bytes);
}
