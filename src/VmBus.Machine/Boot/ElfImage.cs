using System.Buffers.Binary;
using VmBus.Memory.Guest;

namespace VmBus.Machine.Boot;

/// <summary>An uncompressed kernel (vmlinux) with a PVH entry, entered in 32-bit protected mode.</summary>
/// <remarks>Source: System V ABI chapter 5 (ELF), Xen docs/misc/pvh.pandoc; protocol-spec/machine.md#boot.</remarks>
internal sealed class ElfImage : KernelImage
{
    /// <summary>Bytes of the 64-bit file header.</summary>
    internal const int IdentificationBytes = 64;

    private const byte Class32 = 1;
    private const byte Class64 = 2;
    private const byte LittleEndian = 1;
    private const ushort Machine386 = 3;
    private const ushort MachineX64 = 62;
    private const int SegmentBytes = 56;
    private const uint SegmentLoad = 1;
    private const uint SegmentNote = 4;

    // Linux has 5 segments and notes of a few hundred bytes; a file with more is not one.
    private const int MaximumSegments = 64;
    private const int MaximumNoteBytes = 64 * 1024;

    // Linux for x86 has no header field for it here, but the constant COMMAND_LINE_SIZE 2048.
    private const int LinuxCommandLineBytes = 2047;

    private readonly List<ElfSegment> _segments;
    private readonly uint _entry;

    private ElfImage(ImageFile file, List<ElfSegment> segments, uint entry)
        : base(file)
    {
        _segments = segments;
        _entry = entry;
    }

    /// <inheritdoc/>
    public override BootMode Mode => BootMode.Protected32;

    /// <inheritdoc/>
    public override int CommandLineBytes => LinuxCommandLineBytes;

    internal static bool IsElf(ReadOnlySpan<byte> start) => start.StartsWith("\u007fELF"u8);

    internal static BootException WrongArchitecture(ImageFile file, string architecture) =>
        new(BootError.WrongArchitecture, $"The kernel '{file.Path}' is built for {architecture}; this partition needs one for x86-64.");

    /// <exception cref="BootException">The file is no ELF kernel that this machine can enter.</exception>
    internal static ElfImage Parse(ImageFile file)
    {
        if (file.Bytes < IdentificationBytes) throw Damaged(file);
        Span<byte> header = stackalloc byte[IdentificationBytes];
        file.Read(0, header);
        CheckIdentification(file, header);

        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (entryBytes != SegmentBytes || count is 0 or > MaximumSegments || !IsInside(file, table, (ulong)(count * SegmentBytes))) throw Damaged(file);
        byte[] headers = new byte[count * SegmentBytes];
        file.Read((long)table, headers);

        var loads = new List<ElfSegment>();
        uint? entry = null;
        for (int i = 0; i < count; i++)
        {
            ElfSegment segment = ElfSegment.Read(headers.AsSpan(i * SegmentBytes));
            if (segment.Type is not (SegmentLoad or SegmentNote)) continue;
            if (!IsInside(file, segment.FileOffset, segment.FileBytes)) throw Damaged(file);
            if (segment.Type == SegmentNote) entry ??= FindEntry(file, segment);
            else if (segment.MemoryBytes > 0) loads.Add(segment);
            if (segment.Type == SegmentLoad && segment.FileBytes > segment.MemoryBytes) throw Damaged(file);
        }

        if (loads.Count == 0) throw Damaged(file);
        return new ElfImage(file, loads, entry ?? throw new BootException(
            BootError.No64BitEntry,
            $"The kernel '{file.Path}' has no PVH entry; build it with CONFIG_PVH=y or use the bzImage (vmlinuz)."));
    }

    /// <inheritdoc/>
    internal override BootState Load(LoadRequest request)
    {
        ulong end = MemoryMap.HighStart;
        foreach (ElfSegment segment in _segments)
        {
            ulong start = segment.PhysicalAddress;
            if (start < MemoryMap.HighStart)
                throw new BootException(BootError.Damaged, $"The kernel '{Path}' has a segment at 0x{start:x}, below 1 MiB, where no kernel can be.");
            if (start > request.LowRamEnd || segment.MemoryBytes > request.LowRamEnd - start)
            {
                throw new BootException(
                    BootError.OutOfMemory,
                    $"The kernel '{Path}' has a segment of {segment.MemoryBytes} bytes at 0x{start:x}, "
                    + $"the partition has {request.Memory.Bytes >> 20} MiB; give it more memory.");
            }

            File.Read((long)segment.FileOffset, (long)segment.FileBytes, request.Memory, new Gpa(start));
            end = Math.Max(end, start + segment.MemoryBytes);
        }

        (ulong initrd, ulong initrdBytes) = request.PlaceInitrd(end, uint.MaxValue);
        request.Write(MemoryMap.StartInfo, StartInfo.Build(request, initrd, initrdBytes));
        request.Write(MemoryMap.CommandLine, request.CommandLine);
        EntryTables.WriteProtectedMode(request);
        return new BootState
        {
            Mode = BootMode.Protected32,
            InstructionPointer = _entry,
            Rbx = MemoryMap.StartInfo,
            Gdt = EntryTables.Gdt,
            CodeSelector = EntryTables.CodeSelector,
            DataSelector = EntryTables.DataSelector,
        };
    }

    private static void CheckIdentification(ImageFile file, ReadOnlySpan<byte> header)
    {
        ushort machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        if (machine == Machine386 && header[4] == Class32)
            throw new BootException(BootError.No64BitEntry, $"The kernel '{file.Path}' is 32-bit only; use a kernel built for x86-64.");
        if (machine != MachineX64 || header[5] != LittleEndian) throw WrongArchitecture(file, MachineName(machine));
        if (header[4] != Class64) throw Damaged(file);
    }

    private static string MachineName(ushort machine) => machine switch
    {
        8 => "MIPS",
        20 or 21 => "PowerPC",
        22 => "s390",
        40 => "arm",
        183 => "arm64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => $"the ELF machine {machine}",
    };

    private static bool IsInside(ImageFile file, ulong offset, ulong bytes) => bytes <= (ulong)file.Bytes && offset <= (ulong)file.Bytes - bytes;

    // A note is name size, description size, type, then both padded to 4 bytes. The entry is Xen's type 18, of 4 or 8 bytes.
    private static uint? FindEntry(ImageFile file, ElfSegment segment)
    {
        const uint pvhEntry = 18;
        if (segment.FileBytes > MaximumNoteBytes) return null;
        byte[] notes = new byte[segment.FileBytes];
        file.Read((long)segment.FileOffset, notes);
        ReadOnlySpan<byte> rest = notes;
        while (rest.Length >= 12)
        {
            uint nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            uint valueBytes = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
            long valueStart = 12 + ((nameBytes + 3L) & ~3L);
            long next = valueStart + ((valueBytes + 3L) & ~3L);
            if (valueStart + valueBytes > rest.Length) return null;
            if (type == pvhEntry && valueBytes >= 4 && rest.Slice(12, (int)nameBytes).SequenceEqual("Xen\0"u8))
                return BinaryPrimitives.ReadUInt32LittleEndian(rest[(int)valueStart..]);
            if (next > rest.Length) return null;
            rest = rest[(int)next..];
        }

        return null;
    }

    private static BootException Damaged(ImageFile file) => new(BootError.Damaged, $"The kernel '{file.Path}' is truncated or damaged; copy it again.");
}
