using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>NDIS_RECEIVE_SCALE_CAPABILITIES: over how many queues received frames can be spread.</summary>
/// <param name="Queues">Queues, the primary channel's among them.</param>
/// <param name="TableEntries">Entries of the table.</param>
/// <remarks>Linux takes no more than these 18 bytes. Source: protocol-spec/ndis.md#receive-scale-capabilities.</remarks>
public readonly record struct NdisReceiveScaleCapabilities(uint Queues, ushort TableEntries)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 18;

    // Message signalled interrupts for each queue; hash over IPv4 and IPv6, with and without TCP.
    private const uint Flags = 0x0100_0000 | 0x0000_0700 | 1;

    /// <summary>Writes the structure.</summary>
    public void Write(Span<byte> destination)
    {
        new NdisObjectHeader(NdisObjectType.ReceiveScaleCapabilities, 2, Size).Write(destination);
        WriteUInt32LittleEndian(destination[4..], Flags);
        WriteUInt32LittleEndian(destination[8..], Queues);
        WriteUInt32LittleEndian(destination[12..], Queues);
        WriteUInt16LittleEndian(destination[16..], TableEntries);
    }
}

/// <summary>NDIS_RECEIVE_SCALE_PARAMETERS: how received frames are to be spread.</summary>
/// <param name="Flags">What is left as it was, and whether spreading is off.</param>
/// <param name="HashInformation">Hash function and what goes into it.</param>
/// <param name="TableBytes">Length of the table of 32-bit queue numbers.</param>
/// <param name="TableOffset">Where it begins.</param>
/// <param name="KeyBytes">Length of the hash key.</param>
/// <param name="KeyOffset">Where it begins.</param>
/// <remarks>Source: protocol-spec/ndis.md#receive-scale-parameters.</remarks>
public readonly record struct NdisReceiveScaleParameters(
    ReceiveScaleFlags Flags, uint HashInformation, ushort TableBytes, uint TableOffset, ushort KeyBytes, uint KeyOffset)
{
    /// <summary>Bytes before table and key in the oldest form.</summary>
    public const int Size = 28;

    /// <summary>Key of the Toeplitz hash.</summary>
    public const int MaximumKeyBytes = 40;

    /// <summary>False when short, another structure, or when table or key lie outside. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out NdisReceiveScaleParameters value)
    {
        value = default;
        if (source.Length < Size || !NdisObjectHeader.TryRead(source, out NdisObjectHeader header)) return false;
        if (header.Type != NdisObjectType.ReceiveScaleParameters || header.Bytes < Size) return false;
        value = new(
            (ReceiveScaleFlags)ReadUInt16LittleEndian(source[4..]),
            ReadUInt32LittleEndian(source[8..]),
            ReadUInt16LittleEndian(source[12..]),
            ReadUInt32LittleEndian(source[16..]),
            ReadUInt16LittleEndian(source[20..]),
            ReadUInt32LittleEndian(source[24..]));
        return IsInside(value.TableOffset, value.TableBytes, source.Length) && IsInside(value.KeyOffset, value.KeyBytes, source.Length)
            && value.KeyBytes <= MaximumKeyBytes && value.TableBytes % sizeof(uint) == 0;
    }

    /// <summary>Writes the structure without table and key.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        new NdisObjectHeader(NdisObjectType.ReceiveScaleParameters, 2, 40).Write(destination);
        WriteUInt16LittleEndian(destination[4..], (ushort)Flags);
        WriteUInt32LittleEndian(destination[8..], HashInformation);
        WriteUInt16LittleEndian(destination[12..], TableBytes);
        WriteUInt32LittleEndian(destination[16..], TableOffset);
        WriteUInt16LittleEndian(destination[20..], KeyBytes);
        WriteUInt32LittleEndian(destination[24..], KeyOffset);
    }

    private static bool IsInside(uint offset, uint bytes, int length) => bytes == 0 || (bytes <= length && offset <= length - bytes);
}

/// <summary>Flags of receive side scaling. Source: protocol-spec/ndis.md#receive-scale-flags.</summary>
[Flags]
public enum ReceiveScaleFlags : ushort
{
    /// <summary>Everything is set.</summary>
    None = 0,

    /// <summary>The base processor stays.</summary>
    BaseUnchanged = 1,

    /// <summary>The hash function stays.</summary>
    HashUnchanged = 2,

    /// <summary>The table stays.</summary>
    TableUnchanged = 4,

    /// <summary>The key stays.</summary>
    KeyUnchanged = 8,

    /// <summary>Spreading is off.</summary>
    Disable = 16,
}
