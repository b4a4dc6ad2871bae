using System.Buffers.Binary;

namespace VmBus.Machine.Acpi;

/// <summary>Writes a <c>_CRS</c> buffer. Source: ACPI 6.5 §6.4.</summary>
internal sealed class ResourceTemplate
{
    private const byte IrqTag = 0x22;
    private const byte IoTag = 0x47;
    private const byte EndTag = 0x79;
    private const byte Memory32FixedTag = 0x86;
    private const byte WordAddressTag = 0x88;
    private const byte QWordAddressTag = 0x8A;
    private const byte BusRange = 2;
    private const byte Decode16 = 1;
    private const byte Writable = 1;

    // Minimum and maximum are fixed; the device produces the range for its children, so bit 0 (consumer) stays 0.
    private const byte FixedProducer = 0x0C;

    private readonly List<byte> _bytes = [];

    /// <summary><c>IO (Decode16, port, port, 1, count)</c></summary>
    internal ResourceTemplate Io(ushort port, byte count)
    {
        _bytes.AddRange([IoTag, Decode16, (byte)port, (byte)(port >> 8), (byte)port, (byte)(port >> 8), 1, count]);
        return this;
    }

    /// <summary><c>IRQNoFlags () { irq }</c>: edge-triggered, active high, exclusive.</summary>
    internal ResourceTemplate Irq(int irq)
    {
        ushort mask = (ushort)(1 << irq);
        _bytes.AddRange([IrqTag, (byte)mask, (byte)(mask >> 8)]);
        return this;
    }

    /// <summary><c>WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, ...)</c></summary>
    internal ResourceTemplate BusNumbers(ushort first, ushort last)
    {
        Span<byte> entry = stackalloc byte[16];
        entry.Clear();
        entry[0] = WordAddressTag;
        BinaryPrimitives.WriteUInt16LittleEndian(entry[1..], 13);
        entry[3] = BusRange;
        entry[4] = FixedProducer;
        BinaryPrimitives.WriteUInt16LittleEndian(entry[8..], first);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[10..], last);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[14..], (ushort)(last - first + 1));
        _bytes.AddRange(entry);
        return this;
    }

    /// <summary><c>Memory32Fixed (ReadWrite, start, bytes)</c></summary>
    internal ResourceTemplate FixedMemory(uint start, uint bytes)
    {
        Span<byte> entry = stackalloc byte[12];
        entry[0] = Memory32FixedTag;
        BinaryPrimitives.WriteUInt16LittleEndian(entry[1..], 9);
        entry[3] = Writable;
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], start);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], bytes);
        _bytes.AddRange(entry);
        return this;
    }

    /// <summary><c>QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, ...)</c>: a window for children.</summary>
    internal ResourceTemplate MemoryWindow(ulong start, ulong bytes)
    {
        Span<byte> entry = stackalloc byte[46];
        entry.Clear();
        entry[0] = QWordAddressTag;
        BinaryPrimitives.WriteUInt16LittleEndian(entry[1..], 43);
        entry[4] = FixedProducer;
        entry[5] = Writable;
        BinaryPrimitives.WriteUInt64LittleEndian(entry[14..], start);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[22..], start + bytes - 1);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[38..], bytes);
        _bytes.AddRange(entry);
        return this;
    }

    /// <summary>The template with its end tag, whose checksum 0 means that there is none.</summary>
    internal byte[] ToArray() => [.. _bytes, EndTag, 0];
}
