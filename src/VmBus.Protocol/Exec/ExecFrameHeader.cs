using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>Begins every frame: 8 bytes, little-endian.</summary>
/// <remarks>[0) payload bytes u32 · [4) type u8 · [5) reserved, zero. Source: protocol-spec/exec.md#frame.</remarks>
/// <param name="Bytes">Bytes of the payload that follows, at most <see cref="ExecProtocol.MaximumPayloadBytes"/>.</param>
/// <param name="Type">A <see cref="GuestBoundFrame"/> or <see cref="HostBoundFrame"/>, or any other number.</param>
public readonly record struct ExecFrameHeader(int Bytes, byte Type)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 8;

    /// <summary>False when short, when the payload is too long, or when reserved bytes are set. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecFrameHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        uint bytes = ReadUInt32LittleEndian(source);
        if (bytes > ExecProtocol.MaximumPayloadBytes || (source[5] | source[6] | source[7]) != 0) return false;
        value = new ExecFrameHeader((int)bytes, source[4]);
        return true;
    }

    /// <summary>Writes the header; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, (uint)Bytes);
        WriteUInt32LittleEndian(destination[4..], Type);
    }
}
