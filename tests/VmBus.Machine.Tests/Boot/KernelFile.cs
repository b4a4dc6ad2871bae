using System.Buffers.Binary;

namespace VmBus.Machine.Tests.Boot;

/// <summary>Writes small made-up kernels and other files into a folder that is deleted at the end.</summary>
internal sealed class KernelFile : IDisposable
{
    public const int SetupSectors = 2;
    public const int CodeOffset = (SetupSectors + 1) * 512;
    public const int CodeBytes = 64 * 1024;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmbus-boot-");

    public string Folder => _folder.FullName;

    public string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>A bzImage of boot protocol 2.15 whose code is a pattern.</summary>
    public static byte[] BzImage(ulong preferred = 0x20_0000, uint initSize = 0x4_0000)
    {
        byte[] file = new byte[CodeOffset + CodeBytes];
        Span<byte> at = file;
        at[0x1F1] = SetupSectors;
        BinaryPrimitives.WriteUInt32LittleEndian(at[0x1F4..], CodeBytes / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(at[0x1FE..], 0xAA55);
        at[0x200] = 0xEB;
        at[0x201] = 0x6A;
        "HdrS"u8.CopyTo(at[0x202..]);
        BinaryPrimitives.WriteUInt16LittleEndian(at[0x206..], 0x020F);
        at[0x211] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(at[0x22C..], 0x7FFF_FFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(at[0x230..], 0x20_0000);
        at[0x234] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(at[0x236..], 0x7F);
        BinaryPrimitives.WriteUInt32LittleEndian(at[0x238..], 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(at[0x258..], preferred);
        BinaryPrimitives.WriteUInt32LittleEndian(at[0x260..], initSize);
        for (int i = CodeOffset; i < file.Length; i++) file[i] = (byte)(i * 31);
        return file;
    }

    /// <summary>An ELF kernel with one segment of code at 2 MiB, zeros behind it, and a PVH note.</summary>
    public static byte[] Elf(bool withNote = true)
    {
        byte[] file = new byte[0x1000 + CodeBytes];
        Span<byte> at = file;
        new byte[] { 0x7F, 0x45, 0x4C, 0x46, 2, 1, 1 }.CopyTo(at);
        BinaryPrimitives.WriteUInt16LittleEndian(at[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(at[18..], 62);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(at[54..], 56);
        BinaryPrimitives.WriteUInt16LittleEndian(at[56..], 2);
        Segment(at[64..], 1, 0x1000, 0x20_0000, CodeBytes, CodeBytes + 0x1_0000);
        Segment(at[120..], 4, 0x200, 0, 0x40, 0x40);

        // A note of another owner first, then Xen's entry.
        Note(at[0x200..], "GNU\0"u8, 18, 0x1111_1111);
        Note(at[0x214..], "Xen\0"u8, withNote ? 18u : 6u, 0x20_0040);
        for (int i = 0x1000; i < file.Length; i++) file[i] = (byte)(i * 31);
        return file;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static void Segment(Span<byte> at, uint type, ulong offset, ulong address, ulong fileBytes, ulong memoryBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(at, type);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], fileBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(at[40..], memoryBytes);
    }

    private static void Note(Span<byte> at, ReadOnlySpan<byte> owner, uint type, uint value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(at, owner.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(at[8..], type);
        owner.CopyTo(at[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(at[16..], value);
    }
}
