using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>Commands through the storage controller. Nothing on a disk is changed: what is written was read before. Source: protocol-spec/storage.md#request-block.</summary>
internal static class StorageCommandChecks
{
    private const int SectorBytes = 4096;
    private const byte CheckCondition = 2;
    private const ulong NoPage = 0xF_FFFF_FFFF;
    // Lengths, addresses, direction; from the queue tag on everything.
    private static readonly int[] Echoed = [0, 1, 4, 5, 6, 7, 8, 10, .. Enumerable.Range(38, ScsiRequestBlock.Size - 38)];
    private static readonly byte[] Inquiry = [0x12, 0, 0, 0, 96, 0];

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("ST-12", CountsBytes),
        new("ST-13", Echoes),
        new("ST-14", TellsAbsentUnits),
        new("ST-15", GivesSense),
        new("ST-16", RefusesCdbs),
        new("ST-17", RefusesLongTransfers),
        new("ST-18", RefusesMissingBuffers),
        new("ST-19", RefusesBadPages),
        new("ST-20", MovesNoMore),
    ];

    private static string CountsBytes(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        (byte lun, PageRun buffer) = storage.FindDisk();
        byte blocks = Blocks(storage, lun, buffer);
        foreach (byte operation in new byte[] { 0x28, 0x2A })
        {
            StorageAnswer answer = storage.Transfer(
                [operation, 0, 0, 0, 0, 0, 0, 0, blocks, 0], SectorBytes, operation == 0x28 ? SrbDirection.Read : SrbDirection.Write, buffer, lun);
            if (operation == 0x2A && answer.Block.SrbStatus != SrbStatus.Success) return $"{SectorBytes} bytes read; the disk is not to be written";
            Success(answer, $"SCSI command {operation:x2}");
            Bench.Must(answer.Block.TransferBytes == SectorBytes, $"SCSI command {operation:x2} moved {answer.Block.TransferBytes} bytes of {SectorBytes}.");
        }

        return $"{SectorBytes} bytes read, and written back";
    }

    private static string Echoes(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        byte[] packet = StorageBench.Srb([0x00], 0, SrbDirection.Unknown, lun: 99);
        Span<byte> block = packet.AsSpan(VstorHeader.Size);
        // Port, then everything from the queue tag on.
        block[4] = 0x5A;
        for (int i = 38; i < ScsiRequestBlock.Size; i++) block[i] = (byte)(0x80 + i);
        StorageAnswer answer = storage.Ask(packet, "A command");
        ReadOnlySpan<byte> echoed = answer.Packet.Payload.AsSpan(VstorHeader.Size);
        foreach (int offset in Echoed)
            Bench.Must(echoed[offset] == packet[VstorHeader.Size + offset], $"Offset {offset} of the request block was {packet[VstorHeader.Size + offset]:x2} and is {echoed[offset]:x2}.");
        return "22 bytes came back as they were";
    }

    private static string TellsAbsentUnits(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        foreach (byte lun in new byte[] { 200, 255 })
        {
            StorageAnswer answer = storage.Command(0x00, lun);
            Bench.Must(answer.Block is { SrbStatus: SrbStatus.InvalidLun, ScsiStatus: 0 }, $"Unit {lun}: {Outcome(answer)}.");
        }

        return "units 200 and 255";
    }

    private static string GivesSense(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        (byte lun, _) = storage.FindDisk();
        StorageAnswer answer = storage.Command(0xFF, lun);
        Bench.Must(answer.Block.SrbStatus == (SrbStatus.Error | SrbStatus.AutosenseValid), $"SRB status {(int)answer.Block.SrbStatus:x2}.");
        Bench.Must(answer.Block.ScsiStatus == CheckCondition, $"SCSI status {answer.Block.ScsiStatus:x2}.");
        ReadOnlySpan<byte> sense = answer.Packet.Payload.AsSpan(VstorHeader.Size + ScsiRequestBlock.CdbOffset, ScsiRequestBlock.MaximumSenseBytes);
        Bench.Must(answer.Block.SenseBytes is >= 14 and <= ScsiRequestBlock.MaximumSenseBytes && (sense[0] & 0x7F) == 0x70, $"{answer.Block.SenseBytes} sense bytes, the first {sense[0]:x2}.");
        return $"an unknown command: sense {sense[2] & 0xF:x}/{sense[12]:x2}/{sense[13]:x2}";
    }

    private static string RefusesCdbs(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        foreach (byte length in new byte[] { 0, 17, 255 })
            Invalid(storage.Ask(StorageBench.Srb([0x00], 0, SrbDirection.Unknown, cdbBytes: length), "A command"), $"A CDB of {length} bytes");
        GoesOn(storage);
        return "0, 17 and 255 bytes";
    }

    private static string RefusesLongTransfers(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        PageRun buffer = bench.TakePages(1);
        foreach (uint bytes in (uint[])[storage.TransferBytes + 1, int.MaxValue, uint.MaxValue])
            Invalid(storage.Transfer(Inquiry, bytes, SrbDirection.Read, buffer), $"A transfer of {bytes} bytes");
        GoesOn(storage);
        return $"{storage.TransferBytes + 1} bytes and more";
    }

    private static string RefusesMissingBuffers(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        Invalid(storage.Ask(StorageBench.Srb(Inquiry, 96, SrbDirection.Read), "INQUIRY without a buffer"), "Data without a buffer");
        PageRun buffer = bench.TakePages(1);
        byte[] small = StorageBench.Ranges(95, 0, buffer.FirstPage);
        Invalid(storage.Ask(StorageBench.Srb(Inquiry, 96, SrbDirection.Read), "INQUIRY", PacketType.DataUsingGpaDirect, small), "A buffer of 95 bytes for 96");
        byte[] none = StorageBench.Ranges(4096, 0);
        Invalid(storage.Ask(StorageBench.Srb(Inquiry, 96, SrbDirection.Read), "INQUIRY", PacketType.DataUsingGpaDirect, none), "A range without its page");
        GoesOn(storage);
        return "no buffer, 95 bytes for 96, a range without its page";
    }

    private static string RefusesBadPages(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        PageRun buffer = bench.TakePages(1);
        foreach (ulong page in new[] { NoPage, ulong.MaxValue, 1ul << 52 })
            Invalid(storage.Ask(StorageBench.Srb(Inquiry, 96, SrbDirection.Read), "INQUIRY", PacketType.DataUsingGpaDirect, StorageBench.Ranges(4096, 0, page)), $"Page {page:x}");
        byte[] beyond = StorageBench.Ranges(4096, 4096, buffer.FirstPage, buffer.FirstPage);
        Invalid(storage.Ask(StorageBench.Srb(Inquiry, 96, SrbDirection.Read), "INQUIRY", PacketType.DataUsingGpaDirect, beyond), "A buffer from offset 4096 on");
        GoesOn(storage);
        return "three pages that are not RAM, an offset of 4096";
    }

    private static string MovesNoMore(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        (byte lun, PageRun buffer) = storage.FindDisk();
        byte[] page = new byte[Gpa.PageBytes];
        Array.Fill(page, (byte)0xA5);
        _ = bench.Memory.TryWrite(Gpa.FromPage(buffer.FirstPage), page);
        StorageAnswer answer = storage.Transfer([0x12, 0, 0, 0, 255, 0], 36, SrbDirection.Read, buffer, lun);
        Success(answer, "INQUIRY");
        _ = bench.Memory.TryRead(Gpa.FromPage(buffer.FirstPage), page);
        Bench.Must(page.AsSpan(36).IndexOfAnyExcept((byte)0xA5) < 0, "The host has written behind the transfer length.");
        Bench.Must(answer.Block.TransferBytes <= 36, $"{answer.Block.TransferBytes} bytes of 36 were moved.");
        return "36 bytes of INQUIRY for a CDB that asks for 255";
    }

    // How many blocks make a page, from READ CAPACITY(10).
    private static byte Blocks(StorageBench storage, byte lun, PageRun buffer)
    {
        StorageAnswer answer = storage.Transfer([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8, SrbDirection.Read, buffer, lun);
        Success(answer, "READ CAPACITY");
        return storage.BlockBytes(buffer) == SectorBytes ? (byte)1 : (byte)(SectorBytes / 512);
    }

    private static void GoesOn(StorageBench storage)
        => Bench.Must(storage.Ask(VstorOperation.QueryProperties).Header.Status == StorageStatus.Success, "The channel does not go on.");

    private static void Success(StorageAnswer answer, string what)
        => Bench.Must(answer.Block is { SrbStatus: SrbStatus.Success, ScsiStatus: 0 }, $"{what}: {Outcome(answer)}.");

    private static void Invalid(StorageAnswer answer, string what)
        => Bench.Must(answer.Block.SrbStatus == SrbStatus.InvalidRequest, $"{what}: {Outcome(answer)}.");

    private static string Outcome(StorageAnswer answer) => $"SRB status {(int)answer.Block.SrbStatus:x2}, SCSI status {answer.Block.ScsiStatus:x2}";
}
