using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>What the guest is to do with the time.</summary>
public enum TimeSyncKind : byte
{
    /// <summary>Nothing: a probe.</summary>
    Probe = 0,

    /// <summary>Set its clock to it.</summary>
    Sync = 1,

    /// <summary>Know it; programs of the guest may discipline the clock by it.</summary>
    Sample = 2,
}

/// <summary>The body of a time message. Source: protocol-spec/integration.md#time-synchronization.</summary>
/// <param name="ParentTime">UTC in units of 100 ns since 1601.</param>
/// <param name="ReferenceTime">The partition's reference counter at that moment, in units of 100 ns; only version 4.0 has it.</param>
/// <param name="Kind">What to do with it.</param>
/// <remarks>
/// Version 4.0: [0) parent time u64 · [8) reference time u64 · [16) kind u8 · [17) leap u8 · [18) stratum u8 · [19) reserved 5 bytes.
/// Before: [0) parent time u64 · [8) child time u64 · [16) round trip u64 · [24) kind u8 · [25) reserved 3 bytes.
/// </remarks>
public readonly record struct TimeSyncMessage(ulong ParentTime, ulong ReferenceTime, TimeSyncKind Kind)
{
    /// <summary>Bytes of the body in version 4.0.</summary>
    public const int Size = 24;

    /// <summary>Bytes of the body before version 4.0.</summary>
    public const int OldSize = 28;

    /// <summary>Whether a version has the reference time.</summary>
    public static bool HasReference(IntegrationVersion version) => version.IsAtLeast(4, 0);

    /// <summary>Bytes of the body in a version.</summary>
    public static int SizeIn(IntegrationVersion version) => HasReference(version) ? Size : OldSize;

    /// <summary>Writes the fields into a body of zeros.</summary>
    public void Write(Span<byte> body, IntegrationVersion version)
    {
        WriteUInt64LittleEndian(body, ParentTime);
        if (HasReference(version))
        {
            WriteUInt64LittleEndian(body[8..], ReferenceTime);
            body[16] = (byte)Kind;
        }
        else
        {
            body[24] = (byte)Kind;
        }
    }
}
