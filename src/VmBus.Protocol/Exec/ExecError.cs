using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>Why a command was not started or is given up: little-endian, 2 bytes and a text.</summary>
/// <remarks>[0) code u16 · [2) text, UTF-8. Source: protocol-spec/exec.md#error.</remarks>
/// <param name="Code">For programs.</param>
/// <param name="Text">For people: what, which value. From the guest, so it may hold any character.</param>
public readonly record struct ExecError(ExecErrorCode Code, string Text)
{
    /// <summary>Bytes before the text.</summary>
    public const int FixedBytes = 2;

    /// <summary>Bytes of the longest payload.</summary>
    public const int MaximumBytes = FixedBytes + ExecProtocol.MaximumTextBytes;

    /// <summary>False when short or too long. What is no UTF-8 reads as replacement characters. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecError value)
    {
        value = default;
        if (source.Length is < FixedBytes or > MaximumBytes) return false;
        value = new ExecError((ExecErrorCode)ReadUInt16LittleEndian(source), Encoding.UTF8.GetString(source[FixedBytes..]));
        return true;
    }

    /// <summary>Writes the payload, with as much of the text as it may have; <paramref name="destination"/> has room for <see cref="MaximumBytes"/>.</summary>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> destination)
    {
        WriteUInt16LittleEndian(destination, (ushort)Code);
        // Whole characters only; what does not fit any more is left out.
        Encoding.UTF8.GetEncoder().Convert(Text, destination.Slice(FixedBytes, ExecProtocol.MaximumTextBytes), flush: true, out _, out int bytes, out _);
        return FixedBytes + bytes;
    }
}
