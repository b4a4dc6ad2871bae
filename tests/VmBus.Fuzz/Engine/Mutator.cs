using System.Buffers.Binary;

namespace VmBus.Fuzz.Engine;

/// <summary>Makes inputs: new ones, and changed ones of a corpus.</summary>
public sealed class Mutator(Random random)
{
    /// <summary>Bytes of an input at most.</summary>
    public const int MaximumBytes = 2048;

    // Where sizes, counts, signs and offsets go wrong.
    private static readonly uint[] Edges =
    [
        0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 4088, 4095, 4096, 4097, 8192, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
        0x7FFF_FFF8, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFF0, 0xFFFF_FFF8, 0xFFFF_FFFE, 0xFFFF_FFFF,
    ];

    private readonly byte[] _buffer = new byte[MaximumBytes];

    /// <summary>The next input, valid until the next call.</summary>
    public ReadOnlySpan<byte> Next(IReadOnlyList<byte[]> corpus)
    {
        if (corpus.Count == 0 || random.Next(16) == 0) return New();
        byte[] parent = corpus[random.Next(corpus.Count)];
        int length = Math.Min(parent.Length, MaximumBytes);
        parent.AsSpan(0, length).CopyTo(_buffer);
        for (int changes = 1 << random.Next(5); changes > 0; changes--) length = Change(length, corpus);
        return _buffer.AsSpan(0, length);
    }

    private ReadOnlySpan<byte> New()
    {
        int length = random.Next(4) == 0 ? random.Next(MaximumBytes) : random.Next(128);
        random.NextBytes(_buffer.AsSpan(0, length));
        return _buffer.AsSpan(0, length);
    }

    private int Change(int length, IReadOnlyList<byte[]> corpus)
    {
        if (length == 0) return Insert(0);
        int at = random.Next(length);
        switch (random.Next(10))
        {
            case 0:
                _buffer[at] ^= (byte)(1 << random.Next(8));
                return length;
            case 1:
                _buffer[at] = (byte)random.Next(256);
                return length;
            case 2:
                _buffer[at] += (byte)random.Next(-16, 17);
                return length;
            case 3:
                _buffer[at] = (byte)Edges[random.Next(Edges.Length)];
                return length;
            case 4 when at <= length - 2:
                BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(at), (ushort)Edges[random.Next(Edges.Length)]);
                return length;
            case 5 when at <= length - 4:
                BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(at), Edges[random.Next(Edges.Length)]);
                return length;
            case 6:
                return Remove(length, at);
            case 7:
                return Insert(length);
            case 8:
                return Repeat(length, at);
            default:
                return Splice(length, at, corpus);
        }
    }

    private int Remove(int length, int at)
    {
        int count = Math.Min(random.Next(1, 17), length - at);
        _buffer.AsSpan(at + count, length - at - count).CopyTo(_buffer.AsSpan(at));
        return length - count;
    }

    private int Insert(int length)
    {
        int count = Math.Min(random.Next(1, 17), MaximumBytes - length);
        int at = random.Next(length + 1);
        _buffer.AsSpan(at, length - at).CopyTo(_buffer.AsSpan(at + count));
        random.NextBytes(_buffer.AsSpan(at, count));
        return length + count;
    }

    private int Repeat(int length, int at)
    {
        int count = Math.Min(Math.Min(random.Next(1, 33), length - at), MaximumBytes - length);
        _buffer.AsSpan(at, length - at).CopyTo(_buffer.AsSpan(at + count));
        return length + count;
    }

    private int Splice(int length, int at, IReadOnlyList<byte[]> corpus)
    {
        byte[] other = corpus[random.Next(corpus.Count)];
        if (other.Length == 0) return length;
        int from = random.Next(other.Length);
        int count = Math.Min(other.Length - from, MaximumBytes - at);
        other.AsSpan(from, count).CopyTo(_buffer.AsSpan(at));
        return Math.Max(length, at + count);
    }
}
