using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Storage;

/// <summary>The SCSI request block of <see cref="VstorOperation.ExecuteSrb"/> and its answer, little-endian, after the packet header.</summary>
/// <param name="SrbStatus">Outcome, in answers.</param>
/// <param name="ScsiStatus">SCSI status byte, in answers.</param>
/// <param name="Port">The guest's own number of the controller; not part of the address.</param>
/// <param name="Path">SCSI bus.</param>
/// <param name="Target">SCSI target.</param>
/// <param name="Lun">Logical unit number.</param>
/// <param name="CdbBytes">Length of the command descriptor block.</param>
/// <param name="SenseBytes">Room for sense data in requests, sense data present in answers.</param>
/// <param name="Direction">Which way the data goes; any value may arrive.</param>
/// <param name="TransferBytes">Bytes asked for in requests, bytes moved in answers.</param>
/// <param name="Flags">SRB flags; 0 in the short form.</param>
/// <param name="TimeoutSeconds">How long the guest would wait; 0 in the short form. Advice only.</param>
/// <remarks>
/// 36 bytes before version 5.1, else 52. The command descriptor block of a request and the sense data of an answer share
/// <see cref="CdbOffset"/>. Source: protocol-spec/storage.md#request-block.
/// </remarks>
public readonly record struct ScsiRequestBlock(
    SrbStatus SrbStatus, byte ScsiStatus, byte Port, byte Path, byte Target, byte Lun, byte CdbBytes, byte SenseBytes,
    SrbDirection Direction, uint TransferBytes, uint Flags = 0, uint TimeoutSeconds = 0)
{
    /// <summary>Bytes on the wire from version 5.1 on.</summary>
    public const int Size = 52;

    /// <summary>Bytes on the wire before version 5.1.</summary>
    public const int ShortSize = 36;

    /// <summary>Where the command descriptor block begins, and the sense data of an answer.</summary>
    public const int CdbOffset = 16;

    /// <summary>Room for the command descriptor block.</summary>
    public const int MaximumCdbBytes = 16;

    /// <summary>Room for sense data.</summary>
    public const int MaximumSenseBytes = 20;

    /// <summary>Reads either form, by the bytes there are; false below 36. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ScsiRequestBlock value)
    {
        value = default;
        if (source.Length < ShortSize) return false;
        bool full = source.Length >= Size;
        value = new(
            (SrbStatus)source[2], source[3], source[4], source[5], source[6], source[7], source[8], source[9], (SrbDirection)source[10],
            ReadUInt32LittleEndian(source[12..]),
            full ? ReadUInt32LittleEndian(source[40..]) : 0,
            full ? ReadUInt32LittleEndian(source[44..]) : 0);
        return true;
    }

    /// <summary>
    /// Writes the form that <paramref name="destination"/> has room for, 52 or 36 bytes, without command descriptor block and sense data.
    /// </summary>
    public void Write(Span<byte> destination)
    {
        int size = destination.Length >= Size ? Size : ShortSize;
        destination[..size].Clear();
        WriteUInt16LittleEndian(destination, (ushort)size);
        destination[2] = (byte)SrbStatus;
        destination[3] = ScsiStatus;
        destination[4] = Port;
        destination[5] = Path;
        destination[6] = Target;
        destination[7] = Lun;
        destination[8] = CdbBytes;
        destination[9] = SenseBytes;
        destination[10] = (byte)Direction;
        WriteUInt32LittleEndian(destination[12..], TransferBytes);
        if (size < Size) return;
        WriteUInt32LittleEndian(destination[40..], Flags);
        WriteUInt32LittleEndian(destination[44..], TimeoutSeconds);
    }

    /// <summary>Turns a request into its answer in place: everything that is not an outcome is echoed.</summary>
    /// <param name="block">The request block as it came, 36 bytes at least.</param>
    /// <param name="status">Outcome.</param>
    /// <param name="scsiStatus">SCSI status byte.</param>
    /// <param name="transferred">Bytes moved.</param>
    /// <param name="sense">
    /// Sense data, cut at 20 bytes; empty for none, which leaves the command descriptor block and the sense length of a success.
    /// </param>
    public static void WriteOutcome(Span<byte> block, SrbStatus status, byte scsiStatus, uint transferred, ReadOnlySpan<byte> sense)
    {
        block[2] = (byte)status;
        block[3] = scsiStatus;
        WriteUInt32LittleEndian(block[12..], transferred);
        if (status == SrbStatus.Success && sense.IsEmpty) return;
        int bytes = Math.Min(sense.Length, MaximumSenseBytes);
        block[9] = (byte)bytes;
        block.Slice(CdbOffset, MaximumSenseBytes).Clear();
        sense[..bytes].CopyTo(block[CdbOffset..]);
    }
}
