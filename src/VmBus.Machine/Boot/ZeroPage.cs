using System.Buffers.Binary;

namespace VmBus.Machine.Boot;

/// <summary>The boot parameters ("zero page") of the x86 boot protocol. Source: Linux Documentation/arch/x86/{boot,zero-page}.rst.</summary>
internal static class ZeroPage
{
    internal const int Bytes = 4096;

    private const int RootPointer = 0x070;
    private const int MapCount = 0x1E8;
    private const int Header = 0x1F1;
    private const int VideoMode = 0x1FA;
    private const int LoaderType = 0x210;
    private const int InitrdStart = 0x218;
    private const int InitrdBytes = 0x21C;
    private const int CommandLine = 0x228;
    private const int Map = 0x2D0;
    private const int MapEntryBytes = 20;
    private const int MapCapacity = 128;

    private const byte UnknownLoader = 0xFF;
    private const ushort NormalVideo = 0xFFFF;

    /// <summary>Builds the page around a kernel's own header.</summary>
    internal static byte[] Build(ReadOnlySpan<byte> header, LoadRequest request, uint initrd, uint initrdBytes)
    {
        byte[] page = new byte[Bytes];
        Span<byte> at = page;
        header.CopyTo(at[Header..]);
        BinaryPrimitives.WriteUInt64LittleEndian(at[RootPointer..], request.RootPointer.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(at[VideoMode..], NormalVideo);
        at[LoaderType] = UnknownLoader;
        BinaryPrimitives.WriteUInt32LittleEndian(at[InitrdStart..], initrd);
        BinaryPrimitives.WriteUInt32LittleEndian(at[InitrdBytes..], initrdBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(at[CommandLine..], (uint)MemoryMap.CommandLine);

        int count = Math.Min(request.Map.Count, MapCapacity);
        at[MapCount] = (byte)count;
        for (int i = 0; i < count; i++)
        {
            Span<byte> entry = at.Slice(Map + (i * MapEntryBytes), MapEntryBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, request.Map[i].Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], request.Map[i].Bytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)request.Map[i].Type);
        }

        return page;
    }
}
