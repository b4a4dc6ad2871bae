using System.Buffers.Binary;

namespace VmBus.Machine.Boot;

/// <summary>PVH's start information, version 1, with its module list and memory map behind it. Source: Xen public/arch-x86/hvm/start_info.h.</summary>
internal static class StartInfo
{
    private const uint MagicValue = 0x336E_C578;
    private const int ModuleOffset = 0x40;
    private const int MapOffset = 0x80;
    private const int MapEntryBytes = 24;

    internal static byte[] Build(LoadRequest request, ulong initrd, ulong initrdBytes)
    {
        byte[] area = new byte[MapOffset + (request.Map.Count * MapEntryBytes)];
        Span<byte> at = area;
        BinaryPrimitives.WriteUInt32LittleEndian(at, MagicValue);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], 1);
        if (initrdBytes != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(at[12..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(at[16..], MemoryMap.StartInfo + ModuleOffset);
            BinaryPrimitives.WriteUInt64LittleEndian(at[ModuleOffset..], initrd);
            BinaryPrimitives.WriteUInt64LittleEndian(at[(ModuleOffset + 8)..], initrdBytes);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], MemoryMap.CommandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], request.RootPointer.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(at[40..], MemoryMap.StartInfo + MapOffset);
        BinaryPrimitives.WriteInt32LittleEndian(at[48..], request.Map.Count);
        for (int i = 0; i < request.Map.Count; i++)
        {
            Span<byte> entry = at[(MapOffset + (i * MapEntryBytes))..];
            BinaryPrimitives.WriteUInt64LittleEndian(entry, request.Map[i].Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], request.Map[i].Bytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)request.Map[i].Type);
        }

        return area;
    }
}
