using System.Buffers.Binary;

namespace VmBus.Machine.Boot;

/// <summary>The descriptor and page tables that a kernel finds at entry and soon replaces. Source: Linux Documentation/arch/x86/boot.rst.</summary>
internal static class EntryTables
{
    internal const ushort CodeSelector = 0x10;
    internal const ushort DataSelector = 0x18;

    private const ulong FlatCode64 = 0x00AF_9B00_0000_FFFF;
    private const ulong FlatCode32 = 0x00CF_9B00_0000_FFFF;
    private const ulong FlatData = 0x00CF_9300_0000_FFFF;
    private const ulong PresentWritable = 0x03;
    private const ulong LargePage = 0x80;
    private const int EntriesPerTable = 512;
    private const int TableBytes = 4096;
    private const int MappedGiB = 4;

    internal static DescriptorTable Gdt { get; } = new(MemoryMap.Gdt, (4 * sizeof(ulong)) - 1);

    /// <summary>Descriptors, and an identity map of the first 4 GiB in 2 MiB pages: it covers kernel, zero page and command line.</summary>
    internal static void WriteLongMode(LoadRequest request)
    {
        WriteGdt(request, FlatCode64);
        byte[] tables = new byte[(2 + MappedGiB) * TableBytes];
        const ulong upper = MemoryMap.PageTables + TableBytes;
        const ulong directories = upper + TableBytes;
        SetEntry(tables, 0, upper | PresentWritable);
        for (int i = 0; i < MappedGiB; i++) SetEntry(tables, EntriesPerTable + i, (directories + ((ulong)i * TableBytes)) | PresentWritable);
        for (int i = 0; i < MappedGiB * EntriesPerTable; i++)
            SetEntry(tables, (2 * EntriesPerTable) + i, ((ulong)i << 21) | LargePage | PresentWritable);
        request.Write(MemoryMap.PageTables, tables);
    }

    /// <summary>Descriptors for protected mode without paging.</summary>
    internal static void WriteProtectedMode(LoadRequest request) => WriteGdt(request, FlatCode32);

    private static void WriteGdt(LoadRequest request, ulong code)
    {
        Span<byte> table = stackalloc byte[4 * sizeof(ulong)];
        table.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(table[CodeSelector..], code);
        BinaryPrimitives.WriteUInt64LittleEndian(table[DataSelector..], FlatData);
        request.Write(MemoryMap.Gdt, table);
    }

    private static void SetEntry(byte[] tables, int index, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(tables.AsSpan(index * sizeof(ulong)), value);
}
