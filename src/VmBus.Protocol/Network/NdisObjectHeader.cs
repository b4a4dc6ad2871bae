using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>What every NDIS structure begins with.</summary>
/// <param name="Type">What structure.</param>
/// <param name="Revision">Which form of it.</param>
/// <param name="Bytes">Its length.</param>
/// <remarks>Source: protocol-spec/ndis.md#object-header.</remarks>
public readonly record struct NdisObjectHeader(NdisObjectType Type, byte Revision, ushort Bytes)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 4;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out NdisObjectHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new((NdisObjectType)source[0], source[1], ReadUInt16LittleEndian(source[2..]));
        return true;
    }

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> destination)
    {
        destination[0] = (byte)Type;
        destination[1] = Revision;
        WriteUInt16LittleEndian(destination[2..], Bytes);
    }
}

/// <summary>Kinds of NDIS structures; any other number may arrive. Source: protocol-spec/ndis.md#object-types.</summary>
public enum NdisObjectType : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A structure without a number of its own, such as offload parameters.</summary>
    Default = 0x80,

    /// <summary>Receive side scaling: what the adapter can do.</summary>
    ReceiveScaleCapabilities = 0x88,

    /// <summary>Receive side scaling: hash key and table.</summary>
    ReceiveScaleParameters = 0x89,

    /// <summary>Offloads.</summary>
    Offload = 0xA7,
}
