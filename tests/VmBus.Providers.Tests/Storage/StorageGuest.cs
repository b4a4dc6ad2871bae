using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Storage;

/// <summary>A guest's storage driver and the provider it talks to, with scripted channels in between. Everything runs on the test's thread.</summary>
internal sealed class StorageGuest : IDisposable
{
    /// <summary>What Linux uses for every request of the handshake.</summary>
    public const ulong HandshakeId = 0xFFFF_FFFF_FFFF_FFFD;

    /// <summary>What Linux uses for a reset.</summary>
    public const ulong ResetId = 0xFFFF_FFFF_FFFF_FFFC;

    /// <summary>512 MiB, of which only what is touched exists.</summary>
    public const int MemoryPages = 0x20000;

    private uint _nextChannel = 10;

    public StorageGuest(StorageOptions? options = null)
    {
        Provider = new StorageProvider(Target, Guid.Parse("f8b3781a-1e82-4818-a1c3-63d806ec15bb"), options ?? new StorageOptions(), NullLogger.Instance);
        (Endpoint, Channel) = Open(primary: true);
    }

    public ScsiTarget Target { get; } = new();

    public GuestMemory Memory { get; } = GuestMemory.Create((ulong)MemoryPages * Gpa.PageBytes);

    public StorageProvider Provider { get; }

    /// <summary>The primary channel's endpoint.</summary>
    public StorageEndpoint Endpoint { get; private set; }

    /// <summary>The primary channel.</summary>
    public ScriptedChannel Channel { get; private set; }

    /// <summary>A guest whose handshake is done.</summary>
    public static StorageGuest Ready(StorageOptions? options = null, VstorVersion version = VstorVersion.Win10)
    {
        var guest = new StorageGuest(options);
        guest.Handshake(version);
        return guest;
    }

    /// <summary>Opens a channel beside the others.</summary>
    public (StorageEndpoint Endpoint, ScriptedChannel Channel) Open(bool primary)
    {
        var channel = new ScriptedChannel(_nextChannel++, Memory);
        StorageEndpoint? endpoint = Provider.Open(channel, primary);
        return (endpoint ?? throw new InvalidOperationException("The provider refused the channel."), channel);
    }

    /// <summary>Opens the primary channel again, as a driver does that was loaded again.</summary>
    public void Reopen() => (Endpoint, Channel) = Open(primary: true);

    public void Handshake(VstorVersion version = VstorVersion.Win10)
    {
        Assert.Equal(StorageStatus.Success, Ask(VstorOperation.BeginInitialization));
        Assert.Equal(StorageStatus.Success, Ask(VstorOperation.QueryProtocolVersion, (ushort)version));
        Assert.Equal(StorageStatus.Success, Ask(VstorOperation.QueryProperties));
        Assert.Equal(StorageStatus.Success, Ask(VstorOperation.EndInitialization));
        Channel.Sent.Clear();
    }

    /// <summary>Sends a request of the handshake on the primary, and returns the status of its answer.</summary>
    public StorageStatus Ask(VstorOperation operation, ushort argument = 0)
    {
        Send(Endpoint, Packet(operation, argument), HandshakeId);
        return Answer(Channel, HandshakeId).Status;
    }

    /// <summary>Delivers one packet as the bus does, with the end of the batch.</summary>
    public static PacketVerdict Send(
        StorageEndpoint endpoint, ReadOnlySpan<byte> payload, ulong id, PacketType type = PacketType.DataInband, ReadOnlySpan<byte> ranges = default,
        ushort flags = PacketDescriptor.CompletionRequested)
    {
        PacketVerdict verdict = Deliver(endpoint, payload, id, type, ranges, flags);
        endpoint.EndBatch();
        return verdict;
    }

    /// <summary>Delivers one packet of a batch.</summary>
    public static PacketVerdict Deliver(
        StorageEndpoint endpoint, ReadOnlySpan<byte> payload, ulong id, PacketType type = PacketType.DataInband, ReadOnlySpan<byte> ranges = default,
        ushort flags = PacketDescriptor.CompletionRequested)
    {
        int header = PacketDescriptor.Size + ranges.Length;
        return endpoint.Receive(new RingPacket(new PacketDescriptor(type, header, header + payload.Length, flags, id), ranges, payload));
    }

    /// <summary>A packet without a body but one 16-bit argument.</summary>
    public static byte[] Packet(VstorOperation operation, ushort argument = 0, int bytes = VstorVersions.PacketBytes)
    {
        var packet = new byte[bytes];
        new VstorHeader(operation, VstorHeader.CompletionRequested, StorageStatus.Success).Write(packet);
        WriteUInt16LittleEndian(packet.AsSpan(VstorHeader.Size), argument);
        return packet;
    }

    /// <summary>An EXECUTE_SRB packet.</summary>
    public static byte[] Command(byte operationCode, uint transferBytes = 0, SrbDirection direction = SrbDirection.Unknown, byte lun = 0, int bytes = 64)
    {
        byte[] packet = Packet(VstorOperation.ExecuteSrb, bytes: bytes);
        new ScsiRequestBlock(SrbStatus.Pending, 0, 2, 0, 0, lun, 10, 20, direction, transferBytes, 0x8, 60).Write(packet.AsSpan(VstorHeader.Size));
        packet[VstorHeader.Size + ScsiRequestBlock.CdbOffset] = operationCode;
        return packet;
    }

    /// <summary>The header of a GPA-direct packet: one range with these pages.</summary>
    public static byte[] Range(uint bytes, uint offset, params ulong[] pages)
    {
        var header = new byte[GpaRange.HeaderBytes + GpaRange.FixedBytes + (pages.Length * 8)];
        WriteUInt32LittleEndian(header.AsSpan(4), 1);
        WriteUInt32LittleEndian(header.AsSpan(8), bytes);
        WriteUInt32LittleEndian(header.AsSpan(12), offset);
        for (int i = 0; i < pages.Length; i++) WriteUInt64LittleEndian(header.AsSpan(16 + (i * 8)), pages[i]);
        return header;
    }

    /// <summary>Sends READ(10) of one page on the primary.</summary>
    public PacketVerdict SendRead(ulong id, StorageEndpoint? endpoint = null)
        => Send(endpoint ?? Endpoint, Command(0x28, 4096, SrbDirection.Read), id, PacketType.DataUsingGpaDirect, Range(4096, 0, 16));

    /// <summary>The one answer to a request; it is taken out.</summary>
    public static (StorageStatus Status, ScsiRequestBlock Block, byte[] Payload) Answer(ScriptedChannel channel, ulong id)
    {
        SentPacket packet = Assert.Single(channel.Sent, p => p.TransactionId == id);
        channel.Sent.Remove(packet);
        Assert.Equal(PacketType.Completion, packet.Type);
        Assert.True(VstorHeader.TryRead(packet.Payload, out VstorHeader header));
        Assert.Equal((VstorOperation.CompleteIo, 0u), (header.Operation, header.Flags));
        Assert.True(ScsiRequestBlock.TryRead(packet.Payload.AsSpan(VstorHeader.Size), out ScsiRequestBlock block));
        return (header.Status, block, packet.Payload);
    }

    public void Dispose() => Memory.Dispose();
}
