using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>The command runs: 8 bytes, little-endian.</summary>
/// <remarks>[0) version u16 · [2) reserved u16 · [4) process id u32. Source: protocol-spec/exec.md#started.</remarks>
/// <param name="Version">The version that both speak from here on.</param>
/// <param name="ProcessId">The command's process id in the guest.</param>
public readonly record struct ExecStarted(ushort Version, uint ProcessId)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 8;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecStarted value)
    {
        value = default;
        if (source.Length != Size) return false;
        value = new ExecStarted(ReadUInt16LittleEndian(source), ReadUInt32LittleEndian(source[4..]));
        return true;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, Version);
        WriteUInt32LittleEndian(destination[4..], ProcessId);
    }
}
