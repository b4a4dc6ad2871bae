using System.Buffers.Binary;
using System.Text;

namespace VmBus.Machine.Acpi;

/// <summary>One ACPI table in the making: the common 36-byte header and whatever follows. Source: ACPI 6.5 §5.2.6.</summary>
internal sealed class SystemTable
{
    /// <summary>Bytes of the header that every table but RSDP and FACS starts with.</summary>
    internal const int HeaderBytes = 36;

    /// <summary>Who made the tables; six characters.</summary>
    internal const string OemId = "VMBUS ";

    private const string CreatorId = "VMBS";
    private const int ChecksumOffset = 9;

    private readonly byte[] _bytes;

    /// <summary>A table of <paramref name="bodyBytes"/> zeros after its header.</summary>
    internal SystemTable(string signature, byte revision, int bodyBytes)
    {
        _bytes = new byte[HeaderBytes + bodyBytes];
        Encoding.ASCII.GetBytes(signature, _bytes);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(4), _bytes.Length);
        _bytes[8] = revision;
        Encoding.ASCII.GetBytes(OemId, _bytes.AsSpan(10));
        Encoding.ASCII.GetBytes("VMBUS" + signature[..3], _bytes.AsSpan(16));
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(24), 1);
        Encoding.ASCII.GetBytes(CreatorId, _bytes.AsSpan(28));
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(32), 1);
    }

    /// <summary>Writes a byte at an offset from the table's start.</summary>
    internal void SetByte(int offset, byte value) => _bytes[offset] = value;

    /// <summary>Writes a 16-bit value at an offset from the table's start.</summary>
    internal void SetUInt16(int offset, int value) => BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(offset), (ushort)value);

    /// <summary>Writes a 32-bit value at an offset from the table's start.</summary>
    internal void SetUInt32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);

    /// <summary>Writes a 64-bit value at an offset from the table's start.</summary>
    internal void SetUInt64(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(offset), value);

    /// <summary>Writes bytes at an offset from the table's start.</summary>
    internal void SetBytes(int offset, ReadOnlySpan<byte> value) => value.CopyTo(_bytes.AsSpan(offset));

    /// <summary>Writes a generic address structure for an I/O port: 12 bytes.</summary>
    /// <param name="offset">Offset from the table's start.</param>
    /// <param name="port">The first port.</param>
    /// <param name="bits">Width of the register block.</param>
    /// <param name="accessBytes">Width of one access.</param>
    internal void SetPortAddress(int offset, ushort port, byte bits, byte accessBytes)
    {
        _bytes[offset] = 1; // System I/O space.
        _bytes[offset + 1] = bits;
        _bytes[offset + 3] = accessBytes switch { 1 => 1, 2 => 2, _ => 3 };
        SetUInt64(offset + 4, port);
    }

    /// <summary>The table with its checksum: all bytes sum to zero.</summary>
    internal byte[] ToArray()
    {
        _bytes[ChecksumOffset] = 0;
        _bytes[ChecksumOffset] = Checksum(_bytes);
        return _bytes;
    }

    /// <summary>The byte that makes <paramref name="bytes"/> and itself sum to zero.</summary>
    internal static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum = unchecked((byte)(sum + value));
        return unchecked((byte)-sum);
    }
}
