using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>What the guest is to do; with <see cref="Force"/> without asking those who are logged in.</summary>
[Flags]
public enum ShutdownFlags : uint
{
    /// <summary>Power off.</summary>
    PowerOff = 0,

    /// <summary>Do not wait for anybody. Linux never does.</summary>
    Force = 1,

    /// <summary>Reboot instead; message version 3.1 and later.</summary>
    Reboot = 2,

    /// <summary>Hibernate instead; message version 3.2 and later.</summary>
    Hibernate = 4,
}

/// <summary>The body of a shutdown request. Source: protocol-spec/integration.md#shutdown.</summary>
/// <param name="Reason">Why: <see cref="Planned"/>.</param>
/// <param name="TimeoutSeconds">How long the guest may warn those who are logged in.</param>
/// <param name="Flags">What it is to do.</param>
/// <remarks>[0) reason u32 · [4) timeout u32 · [8) flags u32 · [12) text 2048 bytes of UTF-16, here empty.</remarks>
public readonly record struct ShutdownMessage(uint Reason, uint TimeoutSeconds, ShutdownFlags Flags)
{
    /// <summary>Bytes of the body; Linux drops anything shorter without an answer.</summary>
    public const int Size = 2060;

    /// <summary>Somebody asked for it.</summary>
    public const uint Planned = 0x8000_0000;

    /// <summary>Writes the fields into a body of zeros.</summary>
    public void Write(Span<byte> body)
    {
        WriteUInt32LittleEndian(body, Reason);
        WriteUInt32LittleEndian(body[4..], TimeoutSeconds);
        WriteUInt32LittleEndian(body[8..], (uint)Flags);
    }
}
