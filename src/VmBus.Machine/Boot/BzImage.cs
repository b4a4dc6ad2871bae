using System.Buffers.Binary;
using VmBus.Memory.Guest;

namespace VmBus.Machine.Boot;

/// <summary>A compressed kernel with the x86 boot protocol's header, entered in long mode.</summary>
/// <remarks>Offsets are from the start of the file, which are those in the zero page too. Source: Linux Documentation/arch/x86/boot.rst.</remarks>
internal sealed class BzImage : KernelImage
{
    // The header ends here at most; the zero page has other fields behind it.
    private const int HeaderStart = 0x1F1;
    private const int HeaderLimit = 0x290;
    private const int SetupSectors = 0x1F1;
    private const int SystemSize = 0x1F4;
    private const int BootFlag = 0x1FE;
    private const int JumpDistance = 0x201;
    private const int Magic = 0x202;
    private const int Version = 0x206;
    private const int LoadFlags = 0x211;
    private const int InitrdHighest = 0x22C;
    private const int ExtraFlags = 0x236;
    private const int CommandLineSize = 0x238;
    private const int PreferredAddress = 0x258;
    private const int InitSize = 0x260;

    private const int SectorBytes = 512;
    private const int ParagraphBytes = 16;
    private const ushort BootFlagValue = 0xAA55;
    private const ushort OldestVersion = 0x020C;
    private const byte LoadedHigh = 0x01;
    private const ushort Has64BitEntry = 0x01;
    private const ulong EntryOffset = 0x200;

    private static readonly byte[] Arm64Magic = [0x41, 0x52, 0x4D, 0x64];
    private static readonly byte[] RiscVMagic = [0x52, 0x53, 0x43, 0x05];

    private readonly byte[] _header;
    private readonly long _codeOffset;
    private readonly long _codeBytes;

    private BzImage(ImageFile file, byte[] header, long codeOffset, long codeBytes)
        : base(file)
    {
        _header = header;
        _codeOffset = codeOffset;
        _codeBytes = codeBytes;
    }

    /// <inheritdoc/>
    public override BootMode Mode => BootMode.Long64;

    /// <inheritdoc/>
    public override int CommandLineBytes =>
        (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(CommandLineSize)), MemoryMap.CommandLineArea - 1);

    /// <exception cref="BootException">The file is no bzImage that this machine can enter.</exception>
    internal static BzImage Parse(ImageFile file)
    {
        byte[] header = new byte[HeaderLimit];
        file.Read(0, header.AsSpan(0, (int)Math.Min(file.Bytes, header.Length)));
        RefuseOthers(file, header);
        if (file.Bytes < HeaderLimit) throw Truncated(file);

        int version = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(Version));
        if (version < OldestVersion)
        {
            throw new BootException(
                BootError.No64BitEntry,
                $"The kernel '{file.Path}' has boot protocol {version >> 8}.{version & 0xFF}; 2.12 (Linux 3.8) or later is needed.");
        }

        if ((BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(ExtraFlags)) & Has64BitEntry) == 0 || (header[LoadFlags] & LoadedHigh) == 0)
            throw new BootException(BootError.No64BitEntry, $"The kernel '{file.Path}' is 32-bit only; use a kernel built for x86-64.");

        int sectors = header[SetupSectors] == 0 ? 4 : header[SetupSectors];
        long codeOffset = (sectors + 1L) * SectorBytes;
        // The last paragraph may be incomplete; what follows the code is a signature.
        long codeBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(SystemSize)) * (long)ParagraphBytes;
        long present = file.Bytes - codeOffset;
        if (codeBytes == 0 || present <= codeBytes - ParagraphBytes) throw Truncated(file);
        return new BzImage(file, header, codeOffset, Math.Min(codeBytes, present));
    }

    /// <inheritdoc/>
    internal override BootState Load(LoadRequest request)
    {
        ulong start = BinaryPrimitives.ReadUInt64LittleEndian(_header.AsSpan(PreferredAddress));
        ulong needed = Math.Max(BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(InitSize)), (ulong)_codeBytes);
        if (start < MemoryMap.HighStart || start > uint.MaxValue)
            throw new BootException(BootError.Damaged, $"The kernel '{Path}' asks for the load address 0x{start:x}, where no kernel can be.");
        if (start + needed > request.LowRamEnd)
        {
            throw new BootException(
                BootError.OutOfMemory,
                $"The kernel '{Path}' needs {(start + needed + 0xF_FFFF) >> 20} MiB to start, "
                + $"the partition has {request.Memory.Bytes >> 20} MiB; give it more memory.");
        }

        File.Read(_codeOffset, _codeBytes, request.Memory, new Gpa(start));
        ulong limit = BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(InitrdHighest)) + 1UL;
        (ulong initrd, ulong initrdBytes) = request.PlaceInitrd(start + needed, limit);

        int headerEnd = Math.Min(Magic + _header[JumpDistance], HeaderLimit);
        byte[] zeroPage = ZeroPage.Build(_header.AsSpan(HeaderStart, headerEnd - HeaderStart), request, (uint)initrd, (uint)initrdBytes);
        request.Write(MemoryMap.ZeroPage, zeroPage);
        request.Write(MemoryMap.CommandLine, request.CommandLine);
        EntryTables.WriteLongMode(request);
        return new BootState
        {
            Mode = BootMode.Long64,
            InstructionPointer = start + EntryOffset,
            Rsi = MemoryMap.ZeroPage,
            PageTableRoot = MemoryMap.PageTables,
            Gdt = EntryTables.Gdt,
            CodeSelector = EntryTables.CodeSelector,
            DataSelector = EntryTables.DataSelector,
        };
    }

    private static void RefuseOthers(ImageFile file, ReadOnlySpan<byte> header)
    {
        if (BinaryPrimitives.ReadUInt16LittleEndian(header[BootFlag..]) == BootFlagValue && header.Slice(Magic, 4).SequenceEqual("HdrS"u8)) return;
        ReadOnlySpan<byte> imageMagic = header.Slice(0x38, 4);
        if (imageMagic.SequenceEqual(Arm64Magic)) throw ElfImage.WrongArchitecture(file, "arm64");
        if (imageMagic.SequenceEqual(RiscVMagic)) throw ElfImage.WrongArchitecture(file, "RISC-V");
        throw new BootException(
            BootError.NotAKernel,
            $"The file '{file.Path}' is not a Linux kernel: neither a bzImage (vmlinuz) nor an ELF image (vmlinux).");
    }

    private static BootException Truncated(ImageFile file) => new(BootError.Damaged, $"The kernel '{file.Path}' is truncated; copy it again.");
}
