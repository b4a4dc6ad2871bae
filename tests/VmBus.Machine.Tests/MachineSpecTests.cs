using System.Buffers.Binary;
using System.Globalization;
using VmBus.Machine.Acpi;
using VmBus.Machine.Boot;
using VmBus.Machine.Devices;
using VmBus.Machine.Tests.Boot;
using VmBus.Machine.Tests.Devices;
using VmBus.Memory.Guest;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Machine.Tests;

/// <summary>Holds the code against the tables of protocol-spec/machine.md.</summary>
public sealed class MachineSpecTests : IDisposable
{
    private static readonly SpecPage Page = SpecPage.Load("machine.md");

    private readonly KernelFile _files = new();
    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);

    public void Dispose()
    {
        _memory.Dispose();
        _files.Dispose();
    }

    [Fact]
    public void Memory_is_laid_out_as_the_page_says()
    {
        SpecNumbers places = Page.Numbers("memory");
        BootState state = Load(KernelFile.BzImage());
        Assert.Equal(places["Gdt"], state.Gdt.Base);
        Assert.Equal(places["Zero page"], state.Rsi);
        Assert.Equal(places["Page tables"], state.PageTableRoot);
        Assert.Equal(places["Command line"], BinaryPrimitives.ReadUInt32LittleEndian(Read(state.Rsi, 4096).AsSpan(0x228)));
        Assert.Equal(MemoryMap.LowUsableEnd, places["Low usable end"]);
        Assert.Equal(places["ACPI tables"], AcpiTables.Start.Value);
        Assert.Equal(MemoryMap.HighStart, places["High start"]);
        Assert.Equal(GuestMemory.LowMemoryEnd, places["Low memory end"]);
        Assert.Equal(AcpiConfiguration.LowWindowStart, places["Low memory end"]);
        Assert.Equal(AcpiConfiguration.LowWindowEnd, places["Low window end"]);
        Assert.Equal(GuestMemory.HighMemoryStart, places["High memory start"]);
    }

    [Fact]
    public void Zero_page_has_its_fields_where_the_page_says()
    {
        byte[] kernel = KernelFile.BzImage();
        byte[] page = Read(Load(kernel, "quiet", _files.Write("initrd", new byte[5000])).Rsi, 4096);
        SpecLayout layout = Page.Layout("bzimage");
        Assert.Equal(page.Length, layout.Bytes);
        Assert.Equal(AcpiTables.Start.Value, layout.Read(page, "acpi rsdp addr"));
        Assert.Equal(3ul, layout.Read(page, "e820 entries"));
        Assert.Equal(0xFFFFul, layout.Read(page, "vid mode"));
        Assert.Equal(0xFFul, layout.Read(page, "type of loader"));
        Assert.Equal(0xFF_E000ul, layout.Read(page, "ramdisk image"));
        Assert.Equal(5000ul, layout.Read(page, "ramdisk size"));
        Assert.Equal(Page.Numbers("memory")["Command line"], layout.Read(page, "cmd line ptr"));
        int headerEnd = 0x202 + kernel[0x201];
        foreach (SpecField field in layout.Fields.Where(field => field.Name.StartsWith('(')))
        {
            for (int i = field.Offset; i < field.Offset + field.Bytes; i++)
            {
                bool copied = field.Name.StartsWith("(header", StringComparison.Ordinal) && i < headerEnd;
                Assert.True(page[i] == (copied ? kernel[i] : 0), $"byte 0x{i:x} in {field.Name}");
            }
        }
    }

    [Fact]
    public void Start_information_has_its_fields_where_the_page_says()
    {
        SpecLayout layout = Page.Layout("pvh");
        byte[] info = Read(Load(KernelFile.Elf(), "quiet", _files.Write("initrd", new byte[5000])).Rbx, layout.Bytes);
        Assert.Equal(0x336E_C578ul, layout.Read(info, "magic"));
        Assert.Equal(1ul, layout.Read(info, "version"));
        Assert.Equal(0ul, layout.Read(info, "flags"));
        Assert.Equal(1ul, layout.Read(info, "nr modules"));
        Assert.Equal(5000ul, BinaryPrimitives.ReadUInt64LittleEndian(Read(layout.Read(info, "modlist paddr") + 8, 8)));
        Assert.Equal(Page.Numbers("memory")["Command line"], layout.Read(info, "cmdline paddr"));
        Assert.Equal(AcpiTables.Start.Value, layout.Read(info, "rsdp paddr"));
        Assert.Equal(1ul << 20, BinaryPrimitives.ReadUInt64LittleEndian(Read(layout.Read(info, "memmap paddr") + 48, 8)));
        Assert.Equal(3ul, layout.Read(info, "memmap entries"));
        Assert.Equal(0ul, layout.Read(info, "reserved"));
    }

    [Fact]
    public void Fixed_table_has_the_values_of_the_page()
    {
        SpecTable rows = Page.Table("acpi");
        AcpiTables tables = AcpiTables.Build(new AcpiConfiguration(2, _memory.Bytes, 40));
        byte[] table = tables.Tables.Single(table => string.Equals(table.Signature, "FACP", StringComparison.Ordinal)).Bytes.ToArray();
        for (int row = 0; row < rows.RowCount; row++)
        {
            int at = (int)rows.Number(row, "at");
            ulong value = 0;
            for (int i = (int)rows.Number(row, "bytes") - 1; i >= 0; i--) value = (value << 8) | table[at + i];
            Assert.True(rows.Number(row, "value") == value, $"{rows.Cell(row, "field")} is 0x{value:x}");
        }
    }

    [Fact]
    public void Ports_are_those_of_the_page()
    {
        SpecTable rows = Page.Table("ports");
        IEnumerable<(ulong, ulong)> expected = Enumerable.Range(0, rows.RowCount).Select(row => (rows.Number(row, "first"), rows.Number(row, "count")));
        using var sink = new CollectingSink();
        using var devices = new ChipsetDevices(
            new ChipsetLines(new RecordingLine(), new RecordingLine(), new RecordingLine()), sink, () => { }, _ => { });
        Assert.Equal(expected, devices.PortDevices.Select(device => ((ulong)device.Range.First, (ulong)device.Range.Count)).Order());

        string[] interrupts = [.. Enumerable.Range(0, rows.RowCount).Select(row => rows.Cell(row, "interrupt")).Where(text => text.Length > 0)];
        Assert.Equal([ChipsetLines.RealTimeClockGsi, ChipsetLines.Com1Gsi, ChipsetLines.SystemControlGsi],
            interrupts.Select(text => int.Parse(text.Split(',')[0], CultureInfo.InvariantCulture)));
    }

    private BootState Load(byte[] kernelBytes, string commandLine = "", string? initrd = null)
    {
        using KernelImage kernel = KernelImage.Open(_files.Write("kernel", kernelBytes));
        return LinuxLoader.Load(_memory, kernel, initrd, commandLine, AcpiTables.Start, MemoryMap.Build(_memory));
    }

    private byte[] Read(ulong address, int bytes)
    {
        byte[] copy = new byte[bytes];
        Assert.True(_memory.TryRead(new Gpa(address), copy));
        return copy;
    }
}
