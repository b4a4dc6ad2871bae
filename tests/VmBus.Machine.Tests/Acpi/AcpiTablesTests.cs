using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using VmBus.Machine.Acpi;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Machine.Tests.Acpi;

public sealed class AcpiTablesTests
{
    private const string Compiler = "/usr/bin/iasl";
    private const ulong GiB = 1UL << 30;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    public void Every_table_sums_to_zero_and_states_its_length(int processors)
    {
        AcpiTables tables = Build(processors);
        ReadOnlySpan<byte> pointer = tables.Bytes.Span[..36];
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(pointer[..8]));
        Assert.Equal(0, Sum(pointer[..20]));
        Assert.Equal(0, Sum(pointer));
        foreach (AcpiTable table in tables.Tables)
        {
            Assert.Equal(table.Signature, Encoding.ASCII.GetString(table.Bytes.Span[..4]));
            Assert.Equal(table.Bytes.Length, BinaryPrimitives.ReadInt32LittleEndian(table.Bytes.Span[4..]));
            if (!string.Equals(table.Signature, "FACS", StringComparison.Ordinal)) Assert.Equal(0, Sum(table.Bytes.Span));
        }
    }

    [Fact]
    public void Root_pointer_leads_to_every_table()
    {
        using GuestMemory memory = GuestMemory.Create(4 << 20);
        AcpiTables tables = Build(2);
        tables.WriteTo(memory);

        byte[] pointer = Read(memory, tables.RootPointer.Value, 36);
        Assert.Equal(2, pointer[15]);
        byte[] root = ReadTable(memory, BinaryPrimitives.ReadUInt64LittleEndian(pointer.AsSpan(24)));
        byte[] fixedTable = ReadTable(memory, BinaryPrimitives.ReadUInt64LittleEndian(root.AsSpan(36)));
        byte[] interrupts = ReadTable(memory, BinaryPrimitives.ReadUInt64LittleEndian(root.AsSpan(44)));
        Assert.Equal(52, root.Length);
        Assert.Equal("FACP"u8, fixedTable.AsSpan(0, 4));
        Assert.Equal("APIC"u8, interrupts.AsSpan(0, 4));
        ulong dsdt = BinaryPrimitives.ReadUInt64LittleEndian(fixedTable.AsSpan(140));
        Assert.Equal(dsdt, BinaryPrimitives.ReadUInt32LittleEndian(fixedTable.AsSpan(40)));
        Assert.Equal("DSDT"u8, ReadTable(memory, dsdt).AsSpan(0, 4));
        uint facs = BinaryPrimitives.ReadUInt32LittleEndian(fixedTable.AsSpan(36));
        Assert.Equal(0u, facs % 64);
        Assert.Equal("FACS"u8, Read(memory, facs, 4));
    }

    [Fact]
    public void Tables_fit_their_area_with_all_processors()
    {
        Assert.InRange(Build(64).Bytes.Length, 1, AcpiTables.AreaBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => Build(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Build(65));
    }

    [Fact]
    public void Fixed_table_names_the_ports_and_what_is_absent()
    {
        ReadOnlySpan<byte> table = Table(Build(1), "FACP");
        Assert.Equal(276, table.Length);
        Assert.Equal(9, BinaryPrimitives.ReadUInt16LittleEndian(table[46..]));
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32LittleEndian(table[48..]));
        Assert.Equal(0x600u, BinaryPrimitives.ReadUInt32LittleEndian(table[56..]));
        Assert.Equal(0x604u, BinaryPrimitives.ReadUInt32LittleEndian(table[64..]));
        Assert.Equal(0x608u, BinaryPrimitives.ReadUInt32LittleEndian(table[76..]));
        Assert.Equal(0x32, table[108]);
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(table[109..]));
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(table[112..]);
        Assert.Equal(0u, flags & (1 << 4));
        Assert.NotEqual(0u, flags & (1 << 10));
        Assert.Equal(0u, flags & (1 << 20));
        Assert.Equal(0xCF9ul, BinaryPrimitives.ReadUInt64LittleEndian(table[120..]));
        Assert.Equal(6, table[128]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void Interrupt_table_lists_every_processor_and_the_PC_overrides(int processors)
    {
        ReadOnlySpan<byte> table = Table(Build(processors), "APIC");
        Assert.Equal(0xFEE0_0000u, BinaryPrimitives.ReadUInt32LittleEndian(table[36..]));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(table[40..]));
        var entries = new List<string>();
        for (ReadOnlySpan<byte> rest = table[44..]; rest.Length > 0; rest = rest[rest[1]..]) entries.Add(Convert.ToHexString(rest[..rest[1]]));
        IEnumerable<string> expected = Enumerable.Range(0, processors).Select(i => $"0008{i:X2}{i:X2}01000000")
            .Append($"010C{processors:X2}000000C0FE00000000").Append("020A0000020000000000").Append("020A0009090000000D00").Append("0406FF000001");
        Assert.Equal(expected, entries);
    }

    [Theory]
    [InlineData(2UL, 40, 0xFD_0000_0000UL)]
    [InlineData(2UL, 36, 0x10_0000_0000UL)]
    [InlineData(512UL, 48, 0xFD_0000_0000UL)]
    public void High_window_lies_above_RAM_at_the_end_of_the_address_space(ulong memoryGiB, int bits, ulong end)
    {
        (ulong start, ulong bytes) = new AcpiConfiguration(1, memoryGiB * GiB, bits).HighWindow;
        Assert.Equal(end, start + bytes);
        Assert.InRange(bytes, GiB, 64 * GiB);
        Assert.True(start >= (memoryGiB + 1) * GiB);
    }

    [Fact]
    public void High_window_is_absent_when_RAM_fills_the_address_space()
    {
        Assert.Equal((0UL, 0UL), new AcpiConfiguration(1, 63 * GiB, 36).HighWindow);
        Assert.InRange(Table(Build(1), "DSDT").Length - Table(AcpiTables.Build(new AcpiConfiguration(1, 63 * GiB, 36)), "DSDT").Length, 46, 48);
    }

    [Fact]
    public void Configuration_space_in_memory_is_named_where_there_is_a_bus()
    {
        Assert.DoesNotContain(Build(1).Tables, static table => table.Signature == "MCFG");
        ReadOnlySpan<byte> table = Table(BuildWithBus(1), "MCFG");
        Assert.Equal((60, 0xFEB0_0000UL), (table.Length, BinaryPrimitives.ReadUInt64LittleEndian(table[44..])));
        Assert.Equal("0000000000000000", Convert.ToHexString(table[52..]));
    }

    // An independent parser of ACPI reads what we wrote: it warns about bad checksums, lengths, revisions and unknown byte code.
    [FactWithFile(Compiler, "acpica-tools")]
    public void Disassembler_reads_every_table_without_complaint()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("vmbus-acpi-");
        try
        {
            foreach (AcpiTable table in BuildWithBus(64).Tables)
            {
                string file = Path.Combine(folder.FullName, table.Signature + ".dat");
                File.WriteAllBytes(file, table.Bytes.ToArray());
                (int exit, string said) = RunCompiler("-d", file);
                string text = File.ReadAllText(Path.ChangeExtension(file, "dsl"));
                Assert.True(exit == 0, said);
                Assert.DoesNotContain("rror", said, StringComparison.Ordinal);
                Assert.DoesNotContain("arning", said, StringComparison.Ordinal);
                Assert.DoesNotContain("**** ", text, StringComparison.Ordinal);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // The compiler takes the disassembled namespace back. Hyper-V's own name for the bus is shorter than ACPI wants, which it may say.
    [FactWithFile(Compiler, "acpica-tools")]
    public void Disassembled_namespace_compiles_to_the_same_bytes()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("vmbus-acpi-");
        try
        {
            byte[] table = Table(BuildWithBus(3), "DSDT").ToArray();
            string file = Path.Combine(folder.FullName, "dsdt.dat");
            File.WriteAllBytes(file, table);
            RunCompiler("-d", file);
            (_, string said) = RunCompiler("-oa", "-f", "-p", Path.Combine(folder.FullName, "again"), Path.ChangeExtension(file, "dsl"));
            string[] complaints = said.Split('\n').Where(line => line.Contains(" - ", StringComparison.Ordinal)
                && (line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Warning", StringComparison.Ordinal)
                    || line.StartsWith("Remark", StringComparison.Ordinal))).ToArray();
            Assert.True(complaints.All(line => line.Contains("_HID", StringComparison.Ordinal)), said);
            byte[] again = File.ReadAllBytes(Path.Combine(folder.FullName, "again.aml"));
            Assert.Equal(Convert.ToHexString(table[36..]), Convert.ToHexString(again[36..]));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static AcpiTables Build(int processors) => AcpiTables.Build(new AcpiConfiguration(processors, 2 * GiB, 40));

    private static AcpiTables BuildWithBus(int processors) => AcpiTables.Build(new AcpiConfiguration(processors, 2 * GiB, 40) { HasPciBus = true });

    private static ReadOnlySpan<byte> Table(AcpiTables tables, string signature)
        => tables.Tables.Single(table => string.Equals(table.Signature, signature, StringComparison.Ordinal)).Bytes.Span;

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum = unchecked((byte)(sum + value));
        return sum;
    }

    private static byte[] Read(GuestMemory memory, ulong address, int bytes)
    {
        byte[] copy = new byte[bytes];
        Assert.True(memory.TryRead(new Gpa(address), copy));
        return copy;
    }

    private static byte[] ReadTable(GuestMemory memory, ulong address) =>
        Read(memory, address, BinaryPrimitives.ReadInt32LittleEndian(Read(memory, address, 36).AsSpan(4)));

    private static (int ExitCode, string Said) RunCompiler(params string[] arguments)
    {
        var start = new ProcessStartInfo(Compiler, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
