using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>Signals that a command can be sent, by their numbers in Linux. Source: protocol-spec/exec.md#signals.</summary>
public enum ExecSignal : uint
{
    /// <summary>SIGHUP: the terminal is gone.</summary>
    HangUp = 1,

    /// <summary>SIGINT: Ctrl-C.</summary>
    Interrupt = 2,

    /// <summary>SIGQUIT: Ctrl-\.</summary>
    Quit = 3,

    /// <summary>SIGKILL: ends it at once.</summary>
    Kill = 9,

    /// <summary>SIGUSR1: what it means to the command.</summary>
    User1 = 10,

    /// <summary>SIGUSR2: what it means to the command.</summary>
    User2 = 12,

    /// <summary>SIGTERM: asks it to end.</summary>
    Terminate = 15,
}

/// <summary>The payload of <see cref="GuestBoundFrame.Signal"/>: 4 bytes, little-endian.</summary>
/// <remarks>[0) signal u32. Source: protocol-spec/exec.md#signal.</remarks>
/// <param name="Signal">One of <see cref="ExecSignal"/>.</param>
public readonly record struct ExecSignalRequest(ExecSignal Signal)
{
    /// <summary>Bytes of the payload.</summary>
    public const int Size = 4;

    /// <summary>False unless it has exactly <see cref="Size"/> bytes and names a signal that may be sent. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecSignalRequest value)
    {
        value = default;
        if (source.Length != Size) return false;
        value = new ExecSignalRequest((ExecSignal)ReadUInt32LittleEndian(source));
        return value.Signal is ExecSignal.HangUp or ExecSignal.Interrupt or ExecSignal.Quit or ExecSignal.Kill or ExecSignal.User1 or ExecSignal.User2
            or ExecSignal.Terminate;
    }

    /// <summary>Writes the payload; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination) => WriteUInt32LittleEndian(destination, (uint)Signal);
}
