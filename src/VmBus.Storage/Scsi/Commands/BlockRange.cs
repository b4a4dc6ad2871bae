using System.Buffers.Binary;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>The logical blocks a command names: first block and count, wherever the CDB of its length has them.</summary>
internal readonly record struct BlockRange(ulong First, uint Count)
{
    /// <summary>Reads the range of a 6, 10, 12 or 16 byte CDB. Source: SBC-3, 5.</summary>
    internal static BlockRange Of(ReadOnlySpan<byte> cdb) => (cdb[0] >> 5) switch
    {
        // In a 6 byte CDB 0 blocks means 256.
        0 => new(BinaryPrimitives.ReadUInt32BigEndian(cdb) & 0x1F_FFFF, cdb[4] == 0 ? 256u : cdb[4]),
        4 => new(BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt32BigEndian(cdb[10..])),
        5 => new(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt32BigEndian(cdb[6..])),
        _ => new(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt16BigEndian(cdb[7..])),
    };

    /// <summary>Whether every block is on the medium. A range of no blocks may start just behind the last one.</summary>
    internal bool IsWithin(Medium medium) => First <= medium.BlockCount && Count <= medium.BlockCount - First;

    /// <summary>Where the range starts, in bytes. Only for ranges on the medium.</summary>
    internal long Offset(Medium medium) => (long)First << medium.BlockShift;

    /// <summary>How long the range is, in bytes.</summary>
    internal long Bytes(Medium medium) => (long)Count << medium.BlockShift;
}
