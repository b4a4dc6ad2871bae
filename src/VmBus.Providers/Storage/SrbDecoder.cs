using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>Turns an EXECUTE_SRB packet into a SCSI command. Everything in the packet is the guest's word and is checked.</summary>
internal static class SrbDecoder
{
    // Above this a page number times 4096 is no address.
    private const int PageNumberBits = 52;

    /// <summary>Fills the request part of <paramref name="request"/>, whose packet was taken already.</summary>
    /// <returns>False when it cannot be served as it is: only this request fails, not the channel.</returns>
    public static bool TryDecode(in RingPacket packet, GuestMemory memory, int maximumTransferBytes, StorageRequest request)
    {
        if (!ScsiRequestBlock.TryRead(request.Body, out ScsiRequestBlock block)) return false;
        if (block.CdbBytes is 0 or > ScsiRequestBlock.MaximumCdbBytes) return false;
        if (block.TransferBytes > (uint)maximumTransferBytes) return false;
        request.Cdb.Clear();
        request.Body.Slice(ScsiRequestBlock.CdbOffset, block.CdbBytes).CopyTo(request.Cdb);
        request.Address = new ScsiAddress(block.Path, block.Target, block.Lun);
        request.TransferBytes = block.TransferBytes;
        request.IsTransfer = IsReadOrWrite(request.Cdb[0]);
        request.Status = ScsiStatus.Good;
        request.NoSuchUnit = false;
        request.Transferred = 0;
        request.Data.Clear();
        request.Direction = ScsiDirection.None;
        if (block.TransferBytes == 0) return true;
        if (block.Direction > SrbDirection.Unknown || packet.Descriptor.Type != PacketType.DataUsingGpaDirect) return false;
        request.Direction = block.Direction == SrbDirection.Write ? ScsiDirection.Write : ScsiDirection.Read;
        return TryAddRanges(packet.Header, memory, (int)block.TransferBytes, request.Data);
    }

    // One range is what guests send. Several are taken in order as one buffer, and pages behind the transfer length are not looked at.
    private static bool TryAddRanges(ReadOnlySpan<byte> header, GuestMemory memory, int bytes, IoVectorList data)
    {
        if (!GpaRange.TryReadCount(ref header, out uint count)) return false;
        for (; bytes > 0 && count > 0; count--)
        {
            if (!GpaRange.TryRead(ref header, out GpaRange range)) return false;
            int taken = Math.Min(bytes, range.Bytes);
            if (!TryAddPages(range, memory, taken, data)) return false;
            bytes -= taken;
        }

        return bytes == 0;
    }

    private static bool TryAddPages(in GpaRange range, GuestMemory memory, int bytes, IoVectorList data)
    {
        int offset = range.Offset;
        for (int i = 0; bytes > 0; i++)
        {
            ulong page = range.Page(i);
            int step = Math.Min(bytes, Gpa.PageBytes - offset);
            if (page >> PageNumberBits != 0 || !data.TryAdd(memory, Gpa.FromPage(page) + (ulong)offset, step)) return false;
            bytes -= step;
            offset = 0;
        }

        return true;
    }

    // READ and WRITE of 6, 10, 12 and 16 bytes.
    private static bool IsReadOrWrite(byte operationCode) => operationCode is 0x08 or 0x0A or 0x28 or 0x2A or 0xA8 or 0xAA or 0x88 or 0x8A;
}
