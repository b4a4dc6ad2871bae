using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>The command has taken input, or will not have it: 4 bytes, little-endian.</summary>
/// <remarks>[0) bytes u32. Source: protocol-spec/exec.md#inputtaken.</remarks>
/// <param name="Bytes">How many bytes more the host may send, 1 to <see cref="ExecProtocol.InputWindowBytes"/>.</param>
public readonly record struct ExecInputTaken(int Bytes)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 4;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes, or when it is 0 or more than there can be. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecInputTaken value)
    {
        value = default;
        if (source.Length != Size) return false;
        uint bytes = ReadUInt32LittleEndian(source);
        if (bytes is 0 or > ExecProtocol.InputWindowBytes) return false;
        value = new ExecInputTaken((int)bytes);
        return true;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination) => WriteUInt32LittleEndian(destination, (uint)Bytes);
}
