using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>An answer of a storage controller.</summary>
/// <param name="Header">Its header.</param>
/// <param name="Block">Its request block; the body of answers to other requests says nothing here.</param>
/// <param name="Packet">The ring packet.</param>
internal sealed record StorageAnswer(VstorHeader Header, ScsiRequestBlock Block, ReceivedPacket Packet);

/// <summary>The driver of a storage controller, one request at a time.</summary>
internal sealed class StorageBench
{
    public const int PacketBytes = VstorVersions.PacketBytes;

    private static readonly VstorVersion[] Versions = [VstorVersion.Win10, VstorVersion.Win81, VstorVersion.Win8, VstorVersion.Win7, VstorVersion.Win6];
    private readonly Bench _bench;
    private ulong _id = 0x1_0000_0001;

    private StorageBench(Bench bench, BenchChannel channel) => (_bench, Channel) = (bench, channel);

    public BenchChannel Channel { get; }

    public VstorVersion Version { get; private set; }

    /// <summary>Sub-channels that may be asked for.</summary>
    public int Subchannels { get; private set; }

    /// <summary>The largest transfer.</summary>
    public uint TransferBytes { get; private set; }

    /// <summary>Finds the controller among the offers.</summary>
    public static OfferChannel Find(Bench bench) => bench.Find(StorageInterface.Scsi, "storage controller");

    /// <summary>Connects and opens the controller's channel.</summary>
    public static StorageBench Open(Bench bench, ProtocolVersion? version = null, int pagesPerRing = 5)
    {
        _ = bench.ConnectAndList(version);
        return new StorageBench(bench, bench.Open(Find(bench), pagesPerRing));
    }

    /// <summary>A driver of a channel that is open.</summary>
    public static StorageBench On(Bench bench, BenchChannel channel) => new(bench, channel);

    /// <summary>Connects, opens, and does the handshake.</summary>
    public static StorageBench Ready(Bench bench, int pagesPerRing = 17)
    {
        StorageBench storage = Open(bench, pagesPerRing: pagesPerRing);
        storage.Handshake();
        return storage;
    }

    /// <summary>Begins the handshake anew.</summary>
    public bool Begin() => Ask(VstorOperation.BeginInitialization).Header.Status == StorageStatus.Success;

    public void Handshake()
    {
        Bench.Must(Begin(), "BeginInitialization failed.");
        Version = Versions.FirstOrDefault(version => Ask(VstorOperation.QueryProtocolVersion, (ushort)version).Header.Status == StorageStatus.Success);
        if (Version == 0) throw new NotCoveredException("The storage controller speaks no version from 2.0 to 6.2.");
        StorageAnswer properties = Ask(VstorOperation.QueryProperties);
        Bench.Must(properties.Header.Status == StorageStatus.Success, $"QueryProperties failed with {properties.Header.Status}.");
        ReadOnlySpan<byte> body = properties.Packet.Payload.AsSpan(VstorHeader.Size);
        (Subchannels, TransferBytes) = (ReadUInt16LittleEndian(body[4..]), ReadUInt32LittleEndian(body[12..]));
        StorageAnswer end = Ask(VstorOperation.EndInitialization);
        Bench.Must(end.Header.Status == StorageStatus.Success, $"EndInitialization failed with {end.Header.Status}.");
    }

    public void CreateSubchannels(int count)
    {
        StorageAnswer answer = Ask(VstorOperation.CreateSubchannels, (ushort)count);
        Bench.Must(answer.Header.Status == StorageStatus.Success, $"CreateSubchannels failed with {answer.Header.Status}.");
    }

    /// <summary>Sends a request without a request block.</summary>
    public StorageAnswer Ask(VstorOperation operation, ushort argument = 0) => Ask(Packet(operation, argument), operation.ToString());

    /// <summary>Sends a packet and takes its answer.</summary>
    public StorageAnswer Ask(byte[] packet, string what, PacketType type = PacketType.DataInband, byte[]? ranges = null)
    {
        ulong id = _id++;
        Channel.Send(packet, id, type, ranges);
        return Read(Channel.Complete(id, what));
    }

    public static StorageAnswer Read(ReceivedPacket packet)
    {
        Bench.Must(VstorHeader.TryRead(packet.Payload, out VstorHeader header), $"An answer had {packet.Payload.Length} bytes.");
        _ = ScsiRequestBlock.TryRead(packet.Payload.AsSpan(VstorHeader.Size), out ScsiRequestBlock block);
        return new StorageAnswer(header, block, packet);
    }

    /// <summary>Sends a SCSI command without data.</summary>
    public StorageAnswer Command(byte operation, byte lun = 0) => Ask(Srb([operation], 0, SrbDirection.Unknown, lun), $"SCSI command {operation:x2}");

    /// <summary>Sends a SCSI command with a buffer of whole pages.</summary>
    public StorageAnswer Transfer(byte[] cdb, uint bytes, SrbDirection direction, PageRun buffer, byte lun = 0)
        => Ask(Srb(cdb, bytes, direction, lun), $"SCSI command {cdb[0]:x2}", PacketType.DataUsingGpaDirect, Ranges((uint)buffer.PageCount * Gpa.PageBytes, 0, Pages(buffer)));

    /// <summary>The first unit that answers INQUIRY as a disk.</summary>
    public (byte Lun, PageRun Buffer) FindDisk()
    {
        PageRun buffer = _bench.TakePages(4);
        Span<byte> kind = stackalloc byte[1];
        for (byte lun = 0; lun < 8; lun++)
        {
            StorageAnswer answer = Transfer([0x12, 0, 0, 0, 96, 0], 96, SrbDirection.Read, buffer, lun);
            if (answer.Block.SrbStatus != SrbStatus.Success) continue;
            _ = _bench.Memory.TryRead(Gpa.FromPage(buffer.FirstPage), kind);
            if (kind[0] != 0) continue;
            // A unit that is new to the guest says so once.
            for (int tries = 0; tries < 4 && Command(0x00, lun).Block.SrbStatus != SrbStatus.Success; tries++)
            {
            }

            return (lun, buffer);
        }

        throw new NotCoveredException("The storage controller has no disk at target 0, units 0 to 7.");
    }

    /// <summary>Bytes of a block, from the answer to READ CAPACITY(10) in a buffer.</summary>
    public uint BlockBytes(PageRun buffer)
    {
        Span<byte> capacity = stackalloc byte[8];
        _ = _bench.Memory.TryRead(Gpa.FromPage(buffer.FirstPage), capacity);
        return ReadUInt32BigEndian(capacity[4..]);
    }

    public static byte[] Packet(VstorOperation operation, ushort argument = 0, int bytes = PacketBytes)
    {
        byte[] packet = new byte[bytes];
        new VstorHeader(operation, VstorHeader.CompletionRequested, StorageStatus.Success).Write(packet);
        if (bytes > VstorHeader.Size + 1) WriteUInt16LittleEndian(packet.AsSpan(VstorHeader.Size), argument);
        return packet;
    }

    public static byte[] Srb(byte[] cdb, uint bytes, SrbDirection direction, byte lun = 0, byte? cdbBytes = null)
    {
        byte[] packet = Packet(VstorOperation.ExecuteSrb);
        byte length = cdbBytes ?? (byte)Math.Max(cdb.Length, 6);
        new ScsiRequestBlock(SrbStatus.Pending, 0, 3, 0, 0, lun, length, ScsiRequestBlock.MaximumSenseBytes, direction, bytes, 0x8, 60).Write(packet.AsSpan(VstorHeader.Size));
        cdb.CopyTo(packet, VstorHeader.Size + ScsiRequestBlock.CdbOffset);
        return packet;
    }

    /// <summary>The header of a GPA-direct packet with one range.</summary>
    public static byte[] Ranges(uint bytes, uint offset, params ulong[] pages)
    {
        byte[] header = new byte[GpaRange.HeaderBytes + GpaRange.FixedBytes + (sizeof(ulong) * pages.Length)];
        WriteUInt32LittleEndian(header.AsSpan(4), 1);
        WriteUInt32LittleEndian(header.AsSpan(8), bytes);
        WriteUInt32LittleEndian(header.AsSpan(12), offset);
        for (int i = 0; i < pages.Length; i++) WriteUInt64LittleEndian(header.AsSpan(16 + (i * sizeof(ulong))), pages[i]);
        return header;
    }

    public static ulong[] Pages(PageRun run) => [.. Enumerable.Range(0, run.PageCount).Select(i => run.FirstPage + (ulong)i)];
}
