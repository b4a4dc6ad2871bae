using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>What an integration message is, beside its type.</summary>
[Flags]
public enum IntegrationFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It belongs to a transaction: a request is answered once.</summary>
    Transaction = 1,

    /// <summary>From the host.</summary>
    Request = 2,

    /// <summary>From the guest.</summary>
    Response = 4,
}

/// <summary>The first 28 bytes of every integration message: the header of the pipe, then that of the service. Little-endian.</summary>
/// <param name="Framework">The framework version agreed on; 0.0 while negotiating.</param>
/// <param name="Type">What it is about.</param>
/// <param name="Version">The message version agreed on; 0.0 while negotiating.</param>
/// <param name="BodyBytes">Bytes that follow, as the pipe's length tells them: guests get the body size in the inner header wrong.</param>
/// <param name="Status">In answers.</param>
/// <param name="Transaction">Chosen by the host, echoed by the guest.</param>
/// <param name="Flags">Request or response.</param>
/// <remarks>
/// [0) pipe type u32 · [4) pipe length u32 · [8) framework 2×u16 · [12) type u16 · [14) version 2×u16 · [18) body bytes u16 · [20) status u32 ·
/// [24) transaction u8 · [25) flags u8 · [26) reserved u16. Source: protocol-spec/integration.md#message.
/// </remarks>
public readonly record struct IntegrationHeader(
    IntegrationVersion Framework,
    IntegrationMessageType Type,
    IntegrationVersion Version,
    int BodyBytes,
    IntegrationStatus Status,
    byte Transaction,
    IntegrationFlags Flags)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = PipeSize + 20;

    /// <summary>Bytes of the pipe's own header.</summary>
    public const int PipeSize = 8;

    private const uint PipeData = 1;

    /// <summary>False when short, not pipe data, or when the pipe's length is longer than the message or shorter than the header. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out IntegrationHeader value)
    {
        value = default;
        if (source.Length < Size || ReadUInt32LittleEndian(source) != PipeData) return false;
        uint pipeBytes = ReadUInt32LittleEndian(source[4..]);
        if (pipeBytes < Size - PipeSize || pipeBytes > (uint)(source.Length - PipeSize)) return false;
        value = new(
            IntegrationVersion.Read(source[8..]),
            (IntegrationMessageType)ReadUInt16LittleEndian(source[12..]),
            IntegrationVersion.Read(source[14..]),
            (int)pipeBytes - (Size - PipeSize),
            (IntegrationStatus)ReadUInt32LittleEndian(source[20..]),
            source[24],
            (IntegrationFlags)source[25]);
        return true;
    }

    /// <summary>Writes the 28 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, PipeData);
        WriteUInt32LittleEndian(destination[4..], (uint)(Size - PipeSize + BodyBytes));
        Framework.Write(destination[8..]);
        WriteUInt16LittleEndian(destination[12..], (ushort)Type);
        Version.Write(destination[14..]);
        WriteUInt16LittleEndian(destination[18..], (ushort)BodyBytes);
        WriteUInt32LittleEndian(destination[20..], (uint)Status);
        destination[24] = Transaction;
        destination[25] = (byte)Flags;
        WriteUInt16LittleEndian(destination[26..], 0);
    }
}
