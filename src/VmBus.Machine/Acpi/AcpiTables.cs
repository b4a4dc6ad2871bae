using System.Buffers.Binary;
using VmBus.Memory.Guest;

namespace VmBus.Machine.Acpi;

/// <summary>The ACPI tables of one partition: RSDP, XSDT, FADT, FACS, MADT, DSDT, and MCFG where there is a PCI bus, laid out for their place in guest memory.</summary>
/// <remarks>
/// Full hardware, not the reduced profile, because the interrupt controllers and COM1 are the PC's. ACPI is on from the start. There is no
/// <c>\_S4</c> (Linux takes that as permission to hibernate and then refuses memory hot-add).
/// Immutable. Source: ACPI 6.5 §5.2; protocol-spec/machine.md#acpi.
/// </remarks>
public sealed class AcpiTables
{
    /// <summary>Where the tables start in guest memory: the root pointer, in the range that guests search for it.</summary>
    public static readonly Gpa Start = new(0xE_0000);

    /// <summary>Bytes from <see cref="Start"/> that the tables may take; reserved in the memory map.</summary>
    public const int AreaBytes = 0x2_0000;

    private const int Alignment = 64; // What the FACS needs; the others need 16 or less.
    private const int RootPointerBytes = 36;
    private const int FacsBytes = 64;

    private readonly byte[] _bytes;
    private readonly List<AcpiTable> _tables = [];
    private int _end;

    private AcpiTables(AcpiConfiguration configuration)
    {
        _bytes = new byte[AreaBytes];
        _end = RootPointerBytes;
        ulong facs = Add("FACS", FirmwareControl());
        ulong dsdt = Add("DSDT", DifferentiatedTable.Build(configuration));
        ulong fadt = Add("FACP", FixedTable.Build((uint)facs, (uint)dsdt));
        ulong madt = Add("APIC", InterruptTable.Build(configuration));
        ulong xsdt = Add("XSDT", configuration.HasPciBus ? ExtendedRoot(fadt, madt, Add("MCFG", PciTable.Build())) : ExtendedRoot(fadt, madt));
        WriteRootPointer(xsdt);
    }

    /// <summary>The address of the root system description pointer, for the boot protocols.</summary>
    public Gpa RootPointer => Start;

    /// <summary>All bytes from <see cref="Start"/> on.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _end);

    /// <summary>Each table with its signature and place, in memory order; the root pointer is not among them.</summary>
    public IReadOnlyList<AcpiTable> Tables => _tables;

    /// <summary>Builds the tables.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The processor count is not 1 to 64.</exception>
    public static AcpiTables Build(AcpiConfiguration configuration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(configuration.ProcessorCount, 1, nameof(configuration));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(configuration.ProcessorCount, AcpiConfiguration.MaximumProcessors, nameof(configuration));
        return new AcpiTables(configuration);
    }

    /// <summary>Copies the tables into guest memory.</summary>
    /// <exception cref="ArgumentException">The guest has no RAM there.</exception>
    public void WriteTo(GuestMemory memory)
    {
        if (!memory.TryWrite(Start, Bytes.Span))
            throw new ArgumentException($"Guest memory of {memory.Bytes} bytes has no room for the ACPI tables at {Start}.", nameof(memory));
    }

    private ulong Add(string signature, byte[] table)
    {
        int offset = (_end + Alignment - 1) / Alignment * Alignment;
        table.CopyTo(_bytes, offset);
        _end = offset + table.Length;
        Gpa start = Start + (ulong)offset;
        _tables.Add(new AcpiTable(signature, start, _bytes.AsMemory(offset, table.Length)));
        return start.Value;
    }

    private static byte[] FirmwareControl()
    {
        byte[] table = new byte[FacsBytes];
        "FACS"u8.CopyTo(table);
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(4), FacsBytes);
        table[32] = 2; // Version of ACPI 4.0 and later.
        return table;
    }

    private static byte[] ExtendedRoot(params ReadOnlySpan<ulong> tables)
    {
        var table = new SystemTable("XSDT", 1, tables.Length * sizeof(ulong));
        for (int i = 0; i < tables.Length; i++) table.SetUInt64(SystemTable.HeaderBytes + (i * sizeof(ulong)), tables[i]);
        return table.ToArray();
    }

    // Two checksums: over the first 20 bytes, which is all that ACPI 1.0 knew, and over the whole.
    private void WriteRootPointer(ulong xsdt)
    {
        Span<byte> pointer = _bytes.AsSpan(0, RootPointerBytes);
        "RSD PTR "u8.CopyTo(pointer);
        System.Text.Encoding.ASCII.GetBytes(SystemTable.OemId, pointer[9..]);
        pointer[15] = 2;
        BinaryPrimitives.WriteInt32LittleEndian(pointer[20..], RootPointerBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(pointer[24..], xsdt);
        pointer[8] = SystemTable.Checksum(pointer[..20]);
        pointer[32] = SystemTable.Checksum(pointer);
    }
}
