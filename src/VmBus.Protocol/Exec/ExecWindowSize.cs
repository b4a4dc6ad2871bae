using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>The size of a terminal: 4 bytes, little-endian. 0 where it is not known.</summary>
/// <remarks>[0) rows u16 · [2) columns u16. Source: protocol-spec/exec.md#windowsize.</remarks>
/// <param name="Rows">Lines of text.</param>
/// <param name="Columns">Characters of a line.</param>
public readonly record struct ExecWindowSize(ushort Rows, ushort Columns)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 4;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecWindowSize value)
    {
        value = default;
        if (source.Length != Size) return false;
        value = new ExecWindowSize(ReadUInt16LittleEndian(source), ReadUInt16LittleEndian(source[2..]));
        return true;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt16LittleEndian(destination, Rows);
        WriteUInt16LittleEndian(destination[2..], Columns);
    }
}
