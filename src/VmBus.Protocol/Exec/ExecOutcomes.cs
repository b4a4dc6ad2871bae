using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>The command has ended by itself: 4 bytes, little-endian.</summary>
/// <remarks>[0) exit status u32. Source: protocol-spec/exec.md#exited.</remarks>
/// <param name="Status">0 to 255.</param>
public readonly record struct ExecExited(int Status)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 4;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes, or when the status is above 255. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecExited value)
    {
        value = default;
        if (source.Length != Size) return false;
        uint status = ReadUInt32LittleEndian(source);
        value = new ExecExited((int)(status & 0xFF));
        return status <= 255;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination) => WriteUInt32LittleEndian(destination, (uint)Status);
}

/// <summary>A signal has ended the command: 4 bytes, little-endian.</summary>
/// <remarks>[0) signal u32. Source: protocol-spec/exec.md#killed.</remarks>
/// <param name="Signal">Its number in the guest, 1 to <see cref="ExecProtocol.HighestSignal"/>.</param>
public readonly record struct ExecKilled(int Signal)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 4;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes, or when there is no such signal. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecKilled value)
    {
        value = default;
        if (source.Length != Size) return false;
        uint signal = ReadUInt32LittleEndian(source);
        if (signal is 0 or > ExecProtocol.HighestSignal) return false;
        value = new ExecKilled((int)signal);
        return true;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination) => WriteUInt32LittleEndian(destination, (uint)Signal);
}
