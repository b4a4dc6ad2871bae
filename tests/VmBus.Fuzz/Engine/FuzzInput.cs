using System.Buffers.Binary;

namespace VmBus.Fuzz.Engine;

/// <summary>An input as a list of decisions: what is not there reads as 0, so every input means something.</summary>
public ref struct FuzzInput(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether everything has been used.</summary>
    public readonly bool IsEmpty => _rest.IsEmpty;

    /// <summary>What has not been used.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    /// <summary>One byte.</summary>
    public byte Byte()
    {
        if (_rest.IsEmpty) return 0;
        byte value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    /// <summary>A number below a bound.</summary>
    public int Below(int bound) => bound <= 256 ? Byte() % bound : (int)(UInt16() % (uint)bound);

    /// <summary>Two bytes.</summary>
    public ushort UInt16() => (ushort)(Byte() | (Byte() << 8));

    /// <summary>Four bytes.</summary>
    public uint UInt32() => UInt16() | ((uint)UInt16() << 16);

    /// <summary>Eight bytes.</summary>
    public ulong UInt64() => UInt32() | ((ulong)UInt32() << 32);

    /// <summary>A number that is small most times and any at others: after a byte below 0xF0 that byte, else four more.</summary>
    public uint Number()
    {
        byte first = Byte();
        return first < 0xF0 ? first : UInt32();
    }

    /// <summary>So many bytes, or as many as there are.</summary>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        int taken = Math.Min(count, _rest.Length);
        ReadOnlySpan<byte> part = _rest[..taken];
        _rest = _rest[taken..];
        return part;
    }

    /// <summary>A length and so many bytes; filled up with zeroes when there are fewer.</summary>
    public byte[] Block(int maximum)
    {
        byte[] block = new byte[Below(maximum + 1)];
        Bytes(block.Length).CopyTo(block);
        return block;
    }

    /// <summary>Writes words over parts of a message, as often as the input says, up to four times.</summary>
    public void Change(scoped Span<byte> message)
    {
        for (int changes = Byte() & 3; changes > 0 && !message.IsEmpty; changes--)
        {
            int at = Below(Math.Min(message.Length, 65536));
            if ((Byte() & 1) == 0 || at > message.Length - sizeof(uint)) message[at] = Byte();
            else BinaryPrimitives.WriteUInt32LittleEndian(message[at..], Number());
        }
    }
}
