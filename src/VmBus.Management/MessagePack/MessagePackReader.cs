using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace VmBus.Management.MessagePack;

/// <summary>Reads MessagePack values one after the other, from bytes that may be anything.</summary>
/// <remarks>
/// Names are those of the MessagePack package, so that it can take this one's place. Whatever the bytes are, members return or throw
/// <see cref="MessagePackSerializationException"/>, and the position then is undefined. A header of n elements is accepted only when at least
/// n bytes (a map: 2·n) follow it, and a string or binary only when all of it is there: nobody allocates by a length that somebody made up.
/// Nothing recurses, <see cref="Skip"/> neither. One thread. Source: protocol-spec/control.md#values.
/// </remarks>
public ref struct MessagePackReader
{
    private readonly ReadOnlyMemory<byte> _memory;
    private int _position;

    /// <summary>Starts at the first byte of <paramref name="memory"/>, which stays as it is while this reads.</summary>
    public MessagePackReader(ReadOnlyMemory<byte> memory) => _memory = memory;

    /// <summary>Bytes read so far.</summary>
    public readonly long Consumed => _position;

    /// <summary>Whether no bytes are left.</summary>
    public readonly bool End => _position >= _memory.Length;

    /// <summary>Kind of the next value.</summary>
    public readonly MessagePackType NextMessagePackType => MessagePackCode.TypeOf(NextCode);

    /// <summary>First byte of the next value.</summary>
    public readonly byte NextCode => End ? throw Short("a value") : Bytes[_position];

    /// <summary>Whether the next value is nil.</summary>
    public readonly bool IsNil => NextCode == MessagePackCode.Nil;

    /// <summary>All the bytes, those that were read too.</summary>
    internal readonly ReadOnlyMemory<byte> Memory => _memory;

    private readonly ReadOnlySpan<byte> Bytes => _memory.Span;

    private readonly int Left => _memory.Length - _position;

    /// <summary>Reads a nil when that comes next.</summary>
    /// <returns>Whether it did.</returns>
    public bool TryReadNil()
    {
        if (!IsNil) return false;
        _position++;
        return true;
    }

    /// <summary>Reads true or false.</summary>
    public bool ReadBoolean() => Take(1, "a boolean")[0] switch
    {
        MessagePackCode.True => true,
        MessagePackCode.False => false,
        byte code => throw Other(code, "a boolean"),
    };

    /// <summary>Reads a whole number, in whatever width it was written.</summary>
    public long ReadInt64() => ReadInteger(out bool isLarge) is var value && isLarge
        ? throw new MessagePackSerializationException($"{(ulong)value} is too large for a signed number of 64 bits.")
        : value;

    /// <summary>Reads a whole number that is not negative, in whatever width it was written.</summary>
    public ulong ReadUInt64()
    {
        long value = ReadInteger(out bool isLarge);
        return value < 0 && !isLarge ? throw new MessagePackSerializationException($"{value} is negative.") : (ulong)value;
    }

    /// <summary>Reads a whole number of 32 bits.</summary>
    public int ReadInt32() => ReadInt64() is >= int.MinValue and <= int.MaxValue and var value ? (int)value : throw OutOfRange("32 bits");

    /// <summary>Reads a whole number of 32 bits that is not negative.</summary>
    public uint ReadUInt32() => ReadUInt64() is <= uint.MaxValue and var value ? (uint)value : throw OutOfRange("32 bits");

    /// <summary>Reads a number with a fraction, or a whole number as one.</summary>
    public double ReadDouble()
    {
        switch (NextCode)
        {
            case MessagePackCode.Float32:
                return BinaryPrimitives.ReadSingleBigEndian(Take(5, "a number")[1..]);
            case MessagePackCode.Float64:
                return BinaryPrimitives.ReadDoubleBigEndian(Take(9, "a number")[1..]);
            default:
                long value = ReadInteger(out bool isLarge);
                return isLarge ? (ulong)value : value;
        }
    }

    /// <summary>Reads text, or nil as null.</summary>
    public string? ReadString() => TryReadNil() ? null : Encoding.UTF8.GetString(ReadText());

    /// <summary>Reads bytes, or nil as null. They belong to what this reads from.</summary>
    public ReadOnlyMemory<byte>? ReadBytes()
    {
        if (TryReadNil()) return null;
        byte code = NextCode;
        uint length = code is >= MessagePackCode.Binary8 and <= MessagePackCode.Binary32
            ? ReadLength(1 << (code - MessagePackCode.Binary8), "bytes")
            : throw Other(code, "bytes");
        int start = _position;
        _ = Take(length, "bytes");
        return _memory.Slice(start, (int)length);
    }

    /// <summary>Reads the head of an array.</summary>
    /// <returns>How many values follow; never more than bytes are left.</returns>
    public int ReadArrayHeader()
    {
        byte code = NextCode;
        uint count = code switch
        {
            >= MessagePackCode.FixArray and < MessagePackCode.FixString => TakeNibble(),
            MessagePackCode.Array16 => ReadLength(2, "an array"),
            MessagePackCode.Array32 => ReadLength(4, "an array"),
            _ => throw Other(code, "an array"),
        };
        return count <= Left ? (int)count : throw Short($"an array of {count} values");
    }

    /// <summary>Reads the head of a map.</summary>
    /// <returns>How many keys follow, each with a value; never more than half of the bytes left.</returns>
    public int ReadMapHeader()
    {
        byte code = NextCode;
        uint count = code switch
        {
            >= MessagePackCode.FixMap and < MessagePackCode.FixArray => TakeNibble(),
            MessagePackCode.Map16 => ReadLength(2, "a map"),
            MessagePackCode.Map32 => ReadLength(4, "a map"),
            _ => throw Other(code, "a map"),
        };
        return count <= Left / 2 ? (int)count : throw Short($"a map of {count} keys");
    }

    /// <summary>Reads the next value with everything in it, and forgets it.</summary>
    public void Skip()
    {
        // Values still to pass. Each header adds no more than bytes are left, so this cannot overflow.
        long left = 1;
        while (left-- > 0)
        {
            byte code = NextCode;
            switch (MessagePackCode.TypeOf(code))
            {
                case MessagePackType.Array:
                    left += ReadArrayHeader();
                    break;
                case MessagePackType.Map:
                    left += 2L * ReadMapHeader();
                    break;
                case MessagePackType.String:
                    _ = ReadText();
                    break;
                case MessagePackType.Binary:
                    _ = ReadBytes();
                    break;
                case MessagePackType.Integer:
                    _ = ReadInteger(out _);
                    break;
                case MessagePackType.Float:
                    _ = ReadDouble();
                    break;
                case MessagePackType.Boolean or MessagePackType.Nil:
                    _position++;
                    break;
                case MessagePackType.Extension:
                    uint length = code >= MessagePackCode.FixExtension1
                        ? TakeFixedExtension(code)
                        : ReadLength(1 << (code - MessagePackCode.Extension8), "an extension");
                    // One byte more for the type.
                    _ = Take(1L + length, "an extension");
                    break;
                case MessagePackType.Unknown:
                default:
                    throw Other(code, "a value");
            }
        }
    }

    private ReadOnlySpan<byte> ReadText()
    {
        byte code = NextCode;
        uint length = code switch
        {
            >= MessagePackCode.FixString and < MessagePackCode.Nil => TakeNibble(0x1F),
            >= MessagePackCode.String8 and <= MessagePackCode.String32 => ReadLength(1 << (code - MessagePackCode.String8), "text"),
            _ => throw Other(code, "text"),
        };
        ReadOnlySpan<byte> text = Take(length, "text");
        return Utf8.IsValid(text) ? text : throw new MessagePackSerializationException("Text is not UTF-8.");
    }

    // A number above what 63 bits hold is returned as its bits, and said to be large.
    private long ReadInteger(out bool isLarge)
    {
        isLarge = false;
        byte code = NextCode;
        switch (code)
        {
            case <= MessagePackCode.MaximumFixInt or >= MessagePackCode.MinimumNegativeFixInt:
                _position++;
                return (sbyte)code;
            case MessagePackCode.UInt8:
                return Take(2, "a number")[1];
            case MessagePackCode.UInt16:
                return BinaryPrimitives.ReadUInt16BigEndian(Take(3, "a number")[1..]);
            case MessagePackCode.UInt32:
                return BinaryPrimitives.ReadUInt32BigEndian(Take(5, "a number")[1..]);
            case MessagePackCode.UInt64:
                ulong value = BinaryPrimitives.ReadUInt64BigEndian(Take(9, "a number")[1..]);
                isLarge = value > long.MaxValue;
                return (long)value;
            case MessagePackCode.Int8:
                return (sbyte)Take(2, "a number")[1];
            case MessagePackCode.Int16:
                return BinaryPrimitives.ReadInt16BigEndian(Take(3, "a number")[1..]);
            case MessagePackCode.Int32:
                return BinaryPrimitives.ReadInt32BigEndian(Take(5, "a number")[1..]);
            case MessagePackCode.Int64:
                return BinaryPrimitives.ReadInt64BigEndian(Take(9, "a number")[1..]);
            default:
                throw Other(code, "a whole number");
        }
    }

    private uint TakeNibble(byte mask = 0x0F) => (uint)(Bytes[_position++] & mask);

    private uint TakeFixedExtension(byte code)
    {
        _position++;
        return 1u << (code - MessagePackCode.FixExtension1);
    }

    // The code, then a big-endian length of 1, 2 or 4 bytes.
    private uint ReadLength(int width, string what)
    {
        ReadOnlySpan<byte> bytes = Take(1 + width, what)[1..];
        return width switch
        {
            1 => bytes[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes),
            _ => BinaryPrimitives.ReadUInt32BigEndian(bytes),
        };
    }

    private ReadOnlySpan<byte> Take(long count, string what)
    {
        if (count > Left) throw Short(what);
        ReadOnlySpan<byte> taken = Bytes.Slice(_position, (int)count);
        _position += (int)count;
        return taken;
    }

    private static MessagePackSerializationException Short(string what) => new($"The bytes end where {what} should be.");

    private static MessagePackSerializationException OutOfRange(string what) => new($"A number does not fit {what}.");

    private static MessagePackSerializationException Other(byte code, string wanted)
        => new($"There is {Name(MessagePackCode.TypeOf(code))} where {wanted} should be.");

    private static string Name(MessagePackType type) => type switch
    {
        MessagePackType.Unknown => "an unused code",
        MessagePackType.Integer => "a whole number",
        MessagePackType.Nil => "nil",
        MessagePackType.Boolean => "a boolean",
        MessagePackType.Float => "a number",
        MessagePackType.String => "text",
        MessagePackType.Binary => "bytes",
        MessagePackType.Array => "an array",
        MessagePackType.Map => "a map",
        MessagePackType.Extension => "an extension",
    };
}
