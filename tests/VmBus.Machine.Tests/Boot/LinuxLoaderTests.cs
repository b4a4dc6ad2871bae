using System.Buffers.Binary;
using System.Text;
using VmBus.Machine.Acpi;
using VmBus.Machine.Boot;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Machine.Tests.Boot;

public sealed class LinuxLoaderTests : IDisposable
{
    private const ulong MiB = 1 << 20;
    private const ulong GiB = 1 << 30;

    private readonly KernelFile _files = new();
    private GuestMemory _memory = GuestMemory.Create(16 * MiB);

    public void Dispose()
    {
        _memory.Dispose();
        _files.Dispose();
    }

    [Fact]
    public void BzImage_starts_in_long_mode_at_its_64_bit_entry()
    {
        BootState state = Load(KernelFile.BzImage(), "console=ttyS0");
        Assert.Equal(BootMode.Long64, state.Mode);
        Assert.Equal(0x20_0200ul, state.InstructionPointer);
        Assert.Equal("code", DescribeDescriptor(state, state.CodeSelector, longMode: true));
        Assert.Equal("data", DescribeDescriptor(state, state.DataSelector, longMode: true));
        byte[] code = Read(0x20_0000, KernelFile.CodeBytes);
        Assert.Equal(KernelFile.BzImage()[KernelFile.CodeOffset..], code);
    }

    [Fact]
    public void Zero_page_holds_header_command_line_and_map_where_the_protocol_says()
    {
        BootState state = Load(KernelFile.BzImage(), "console=ttyS0 root=/dev/sda1");
        byte[] page = Read(state.Rsi, 4096);
        Assert.Equal(AcpiTables.Start.Value, BinaryPrimitives.ReadUInt64LittleEndian(page.AsSpan(0x70)));
        Assert.Equal(KernelFile.BzImage()[0x1F1..0x1FA], page[0x1F1..0x1FA]);
        Assert.Equal("HdrS"u8, page.AsSpan(0x202, 4));
        Assert.Equal(0xFF, page[0x210]);
        Assert.Equal(0, page[0x1EF]);
        Assert.Equal(0ul, BinaryPrimitives.ReadUInt64LittleEndian(page.AsSpan(0x218)));
        Assert.Equal(new byte[0x290 - 0x26C], page[0x26C..0x290]);
        uint line = BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(0x228));
        Assert.Equal("console=ttyS0 root=/dev/sda1\0", Encoding.ASCII.GetString(Read(line, 29)));

        Assert.Equal(3, page[0x1E8]);
        Assert.Equal((0ul, 0x9_FC00ul, 1u), MapEntry(page, 0));
        Assert.Equal((0x9_FC00ul, 0x6_0400ul, 2u), MapEntry(page, 1));
        Assert.Equal((MiB, 15 * MiB, 1u), MapEntry(page, 2));
    }

    [Fact]
    public void Page_tables_map_the_first_4_GiB_identically()
    {
        BootState state = Load(KernelFile.BzImage(), "");
        foreach (ulong address in new ulong[] { 0, 0x2000, 0x20_0200, 0x7FFF_FFFF, 0xFFFF_FFFF })
            Assert.Equal(address, Translate(state.PageTableRoot, address));
        Assert.Null(Translate(state.PageTableRoot, 0x1_0000_0000));
    }

    [Fact]
    public void Initrd_lies_page_aligned_at_the_end_of_low_memory_and_above_the_kernel()
    {
        byte[] initrd = new byte[(3 * (int)MiB) + 5];
        new Random(1).NextBytes(initrd);
        BootState state = Load(KernelFile.BzImage(), "", _files.Write("initrd", initrd));
        byte[] page = Read(state.Rsi, 4096);
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(0x218));
        Assert.Equal(initrd.Length, BinaryPrimitives.ReadInt32LittleEndian(page.AsSpan(0x21C)));
        Assert.Equal(0u, start % 4096);
        Assert.InRange(start, 12 * (uint)MiB, 13 * (uint)MiB);
        Assert.Equal(initrd, Read(start, initrd.Length));
    }

    [Fact]
    public void Initrd_stays_below_what_the_kernel_can_reach()
    {
        byte[] kernel = KernelFile.BzImage();
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x22C), 0x7F_FFFF);
        BootState state = Load(kernel, "", _files.Write("initrd", new byte[4096]));
        Assert.Equal(0x7F_F000u, BinaryPrimitives.ReadUInt32LittleEndian(Read(state.Rsi, 4096).AsSpan(0x218)));
    }

    [Fact]
    public void Elf_starts_in_protected_mode_with_start_information()
    {
        string initrd = _files.Write("initrd", "ramdisk"u8.ToArray());
        BootState state = Load(KernelFile.Elf(), "quiet", initrd);
        Assert.Equal((BootMode.Protected32, 0x20_0040ul), (state.Mode, state.InstructionPointer));
        Assert.Equal("code", DescribeDescriptor(state, state.CodeSelector, longMode: false));
        Assert.Equal(KernelFile.Elf()[0x1000..], Read(0x20_0000, KernelFile.CodeBytes));

        byte[] info = Read(state.Rbx, 56);
        Assert.Equal(0x336E_C578u, BinaryPrimitives.ReadUInt32LittleEndian(info));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(info.AsSpan(4)));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(info.AsSpan(12)));
        byte[] module = Read(BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(16)), 32);
        Assert.Equal("ramdisk"u8, Read(BinaryPrimitives.ReadUInt64LittleEndian(module), 7));
        Assert.Equal(7ul, BinaryPrimitives.ReadUInt64LittleEndian(module.AsSpan(8)));
        Assert.Equal("quiet\0"u8, Read(BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(24)), 6));
        Assert.Equal(AcpiTables.Start.Value, BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(32)));
        Assert.Equal(3, BinaryPrimitives.ReadInt32LittleEndian(info.AsSpan(48)));
        byte[] map = Read(BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(40)), 72);
        Assert.Equal(MiB, BinaryPrimitives.ReadUInt64LittleEndian(map.AsSpan(48)));
        Assert.Equal(15 * MiB, BinaryPrimitives.ReadUInt64LittleEndian(map.AsSpan(56)));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(map.AsSpan(64)));
    }

    [Fact]
    public void Map_of_large_memory_goes_on_above_the_hole()
    {
        using GuestMemory memory = GuestMemory.Create(5 * GiB);
        E820Entry[] expected =
        [
            new(0, 0x9_FC00, E820Type.Usable),
            new(0x9_FC00, 0x6_0400, E820Type.Reserved),
            new(MiB, GuestMemory.LowMemoryEnd - MiB, E820Type.Usable),
            new(4 * GiB, (5 * GiB) - GuestMemory.LowMemoryEnd, E820Type.Usable),
        ];
        Assert.Equal(expected, MemoryMap.Build(memory));
    }

    [Fact]
    public void Initrd_is_placed_below_the_hole_of_large_memory()
    {
        _memory.Dispose();
        _memory = GuestMemory.Create(5 * GiB);
        byte[] kernel = KernelFile.BzImage();
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x22C), uint.MaxValue);
        BootState state = Load(kernel, "", _files.Write("initrd", new byte[4096]));
        Assert.Equal(0xBFFF_F000u, BinaryPrimitives.ReadUInt32LittleEndian(Read(state.Rsi, 4096).AsSpan(0x218)));
    }

    [Theory]
    [InlineData(0x20_0000UL, 0x100_0000u, "MiB")]
    [InlineData(0x1000_0000UL, 0x1000u, "MiB")]
    public void Kernel_that_does_not_fit_names_what_it_needs(ulong preferred, uint initSize, string unit) =>
        Assert.Contains(unit, Fails(BootError.OutOfMemory, KernelFile.BzImage(preferred, initSize), "", null).Message, StringComparison.Ordinal);

    [Fact]
    public void Elf_segment_outside_memory_is_refused()
    {
        byte[] elf = KernelFile.Elf();
        BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(64 + 24), ulong.MaxValue - 4096);
        Fails(BootError.OutOfMemory, elf, "", null);
        BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(64 + 24), 0x1000);
        Fails(BootError.Damaged, elf, "", null);
    }

    [Fact]
    public void Initrd_that_does_not_fit_or_is_missing_is_named()
    {
        string initrd = _files.Write("initrd", new byte[15 * (int)MiB]);
        Assert.Contains(initrd, Fails(BootError.OutOfMemory, KernelFile.BzImage(), "", initrd).Message, StringComparison.Ordinal);
        Assert.Contains("initrd", Fails(BootError.NotFound, KernelFile.BzImage(), "", "/nonexistent/initrd").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_too_small_for_anything_is_refused()
    {
        _memory.Dispose();
        _memory = GuestMemory.Create(64 * 1024);
        Fails(BootError.OutOfMemory, KernelFile.BzImage(), "", null);
        Fails(BootError.OutOfMemory, KernelFile.Elf(), "", null);
    }

    [Fact]
    public void Command_line_has_the_kernels_limit_and_no_control_characters()
    {
        Load(KernelFile.BzImage(), new string('a', 2047));
        Assert.Contains("2047", Fails(BootError.BadCommandLine, KernelFile.BzImage(), new string('a', 2048), null).Message, StringComparison.Ordinal);
        Fails(BootError.BadCommandLine, KernelFile.BzImage(), "a\nb", null);
        Fails(BootError.BadCommandLine, KernelFile.Elf(), "a\0b", null);
    }

    [Fact]
    public void Kernel_that_shrinks_between_opening_and_loading_is_damaged()
    {
        string path = _files.Write("vmlinuz", KernelFile.BzImage());
        using KernelImage kernel = KernelImage.Open(path);
        _files.Write("vmlinuz", KernelFile.BzImage()[..4096]);
        BootException e = Assert.Throws<BootException>(
            () => LinuxLoader.Load(_memory, kernel, null, "", AcpiTables.Start, MemoryMap.Build(_memory)));
        Assert.Equal(BootError.Damaged, e.Error);
    }

    [Fact]
    public void Files_are_read_again_for_every_start()
    {
        string path = _files.Write("vmlinuz", KernelFile.BzImage());
        var boot = new LinuxBoot(path, null, "");
        AcpiTables tables = AcpiTables.Build(new AcpiConfiguration(1, _memory.Bytes, 40));
        BootState first = boot.Load(_memory, tables);
        byte[] page = Read(first.Rsi, 4096);
        _memory.Discard();
        Assert.Equal(first, boot.Load(_memory, tables));
        Assert.Equal(page, Read(first.Rsi, 4096));
        Assert.Equal("RSD PTR "u8, Read(AcpiTables.Start.Value, 8));

        _memory.Discard();
        _files.Write("vmlinuz", KernelFile.BzImage(preferred: 0x40_0000));
        Assert.Equal(0x40_0200ul, boot.Load(_memory, tables).InstructionPointer);
    }

    private BootState Load(byte[] kernelBytes, string commandLine, string? initrd = null)
    {
        using KernelImage kernel = KernelImage.Open(_files.Write("kernel", kernelBytes));
        return LinuxLoader.Load(_memory, kernel, initrd, commandLine, AcpiTables.Start, MemoryMap.Build(_memory));
    }

    private BootException Fails(BootError error, byte[] kernelBytes, string commandLine, string? initrd)
    {
        BootException e = Assert.Throws<BootException>(() => Load(kernelBytes, commandLine, initrd));
        Assert.Equal(error, e.Error);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }

    private byte[] Read(ulong address, int bytes)
    {
        byte[] copy = new byte[bytes];
        Assert.True(_memory.TryRead(new Gpa(address), copy));
        return copy;
    }

    private static (ulong Start, ulong Bytes, uint Type) MapEntry(byte[] page, int index)
    {
        ReadOnlySpan<byte> entry = page.AsSpan(0x2D0 + (index * 20), 20);
        return (BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]));
    }

    private ulong? Translate(ulong root, ulong address)
    {
        ulong table = root;
        for (int shift = 39; shift >= 21; shift -= 9)
        {
            ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(Read(table + (((address >> shift) & 511) * 8), 8));
            if ((entry & 1) == 0) return null;
            table = entry & ~0xFFFul;
        }

        return (table & ~0x1F_FFFFul) | (address & 0x1F_FFFF);
    }

    // What a selector means by the table in guest memory: flat, present, and code of the right width or writable data.
    private string DescribeDescriptor(BootState state, ushort selector, bool longMode)
    {
        Assert.True(selector + 7 <= state.Gdt.Limit);
        ulong descriptor = BinaryPrimitives.ReadUInt64LittleEndian(Read(state.Gdt.Base + selector, 8));
        Assert.Equal(0x000F_0000_0000_FFFFul, descriptor & 0xFF0F_00FF_FFFF_FFFF);
        bool isCode = (descriptor >> 40 & 0x9B) == 0x9B;
        ulong size = descriptor >> 53 & 3;
        Assert.Equal(isCode && longMode ? 1ul : 2ul, size);
        return isCode ? "code" : (descriptor >> 40 & 0x93) == 0x93 ? "data" : "other";
    }
}
