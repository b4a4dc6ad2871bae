using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>A version of the integration framework or of one service's messages, 4 bytes on the wire.</summary>
/// <param name="Major">Counts first.</param>
/// <param name="Minor">Counts among equal majors.</param>
/// <remarks>[0) major u16 · [2) minor u16. Source: protocol-spec/integration.md#versions.</remarks>
public readonly record struct IntegrationVersion(ushort Major, ushort Minor)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 4;

    /// <summary>Whether this is that version or a later one.</summary>
    public bool IsAtLeast(ushort major, ushort minor) => Major > major || (Major == major && Minor >= minor);

    /// <summary>Reads 4 bytes, which must be there.</summary>
    public static IntegrationVersion Read(ReadOnlySpan<byte> source) => new(ReadUInt16LittleEndian(source), ReadUInt16LittleEndian(source[2..]));

    /// <summary>Writes the 4 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt16LittleEndian(destination, Major);
        WriteUInt16LittleEndian(destination[2..], Minor);
    }

    /// <summary>As people write it: <c>3.2</c>.</summary>
    public override string ToString() => $"{Major}.{Minor}";
}
