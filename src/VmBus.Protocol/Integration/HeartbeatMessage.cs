using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>What the guest says of the programs that run in it. Linux sends back what the host sent, so it says nothing.</summary>
public enum ApplicationState : uint
{
    /// <summary>Not told.</summary>
    Unknown = 0,

    /// <summary>All is well.</summary>
    Healthy = 1,

    /// <summary>Something is not.</summary>
    Critical = 2,

    /// <summary>They do not run.</summary>
    Stopped = 3,
}

/// <summary>The body of a heartbeat. Source: protocol-spec/integration.md#heartbeat.</summary>
/// <param name="Sequence">The host's number; the guest answers with the next one.</param>
/// <param name="Applications">In answers; any number may come.</param>
/// <remarks>[0) sequence u64 · [8) application state u32 · [12) reserved 28 bytes.</remarks>
public readonly record struct HeartbeatMessage(ulong Sequence, ApplicationState Applications)
{
    /// <summary>Bytes of the body.</summary>
    public const int Size = 40;

    private const int UsedBytes = 12;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out HeartbeatMessage value)
    {
        value = default;
        if (body.Length < UsedBytes) return false;
        value = new(ReadUInt64LittleEndian(body), (ApplicationState)ReadUInt32LittleEndian(body[8..]));
        return true;
    }

    /// <summary>Writes the fields into a body of zeros.</summary>
    public void Write(Span<byte> body)
    {
        WriteUInt64LittleEndian(body, Sequence);
        WriteUInt32LittleEndian(body[8..], (uint)Applications);
    }
}
