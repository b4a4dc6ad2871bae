using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>An RNDIS message that the guest received, and what the host knows of its frame.</summary>
internal sealed record GuestFrame(byte[] Data, IReadOnlyDictionary<PacketInformationType, uint> Information);

/// <summary>A guest's network driver and the provider it talks to. Everything runs on the test's thread.</summary>
internal sealed class NetworkGuest : IDisposable
{
    public const uint ReceiveGpadl = 0xE1;
    public const uint SendGpadl = 0xE2;
    public const int ReceiveBytes = 16 << 20;

    private const ulong FirstBufferPage = 0x100;
    private const ulong SendBufferPage = 0x2000;
    private const ulong ScratchPage = 0x3000;
    private uint _nextRequest = 1;
    private ulong _nextTransaction = 1000;
    private uint _nextChannel = 20;

    public NetworkGuest(FakeLink? link = null, int queues = 4)
    {
        Link = link ?? new FakeLink();
        Assert.True(MacAddress.TryParse("02:00:00:00:00:01", out MacAddress address));
        Provider = new NetworkProvider(Link, Guid.NewGuid(), new NetworkOptions(address) { MaximumQueues = queues }, NullLogger.Instance);
        Reopen();
    }

    public FakeLink Link { get; }

    public GuestMemory Memory { get; } = GuestMemory.Create(128 << 20);

    public NetworkProvider Provider { get; }

    public NetworkEndpoint Endpoint { get; private set; } = null!;

    public ScriptedNetworkChannel Channel { get; private set; } = null!;

    public GuestRegion ReceiveRegion { get; private set; } = null!;

    public ScriptedBuffer ReceiveBuffer => Channel.Buffers[ReceiveGpadl];

    public ScriptedBuffer SendBuffer => Channel.Buffers[SendGpadl];

    public int SectionBytes { get; private set; }

    public int SectionCount { get; private set; }

    public NvspVersion Version { get; private set; }

    /// <summary>A guest whose interface is open.</summary>
    public static NetworkGuest Ready(NvspVersion version = NvspVersion.V61, FakeLink? link = null, int queues = 4, uint mtu = 1500, bool coalescing = true)
    {
        var guest = new NetworkGuest(link, queues);
        guest.Connect(version, mtu);
        guest.Start(coalescing);
        return guest;
    }

    /// <summary>Opens the primary channel, again or for the first time.</summary>
    public void Reopen()
    {
        (Endpoint, Channel) = Open(0);
        ReceiveRegion = new GuestRegion(Memory, 0, ReceiveBytes, [new PageRun(FirstBufferPage, ReceiveBytes / Gpa.PageBytes)]);
        Channel.Buffers[ReceiveGpadl] = new ScriptedBuffer(ReceiveRegion);
        Channel.Buffers[SendGpadl] = new ScriptedBuffer(new GuestRegion(Memory, 0, 1 << 20, [new PageRun(SendBufferPage, 256)]));
    }

    public (NetworkEndpoint Endpoint, ScriptedNetworkChannel Channel) Open(int index)
    {
        var channel = new ScriptedNetworkChannel(_nextChannel++, index, Memory, Link);
        NetworkEndpoint endpoint = Provider.Open(channel) ?? throw new InvalidOperationException("The provider refused the channel.");
        channel.RunPosted();
        return (endpoint, channel);
    }

    /// <summary>Versions and buffers, as Linux does it.</summary>
    public void Connect(NvspVersion version = NvspVersion.V61, uint mtu = 1500)
    {
        Assert.Equal(NvspStatus.Success, Initialize(version));
        Version = version;
        Send(Message(message => new NvspNdisConfiguration(mtu + 14, NdisCapabilities.Ieee8021Q).Write(message)), flags: 0);
        Send(Message(message => new NvspNdisVersion(6, 30).Write(message)), flags: 0);
        Assert.True(NvspReceiveSections.TryRead(Ask(Message(m => new NvspBuffer(ReceiveGpadl, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer))), out var sections));
        Assert.Equal(NvspStatus.Success, sections.Status);
        (SectionBytes, SectionCount) = ((int)sections.SectionBytes, (int)sections.SectionCount);
        Assert.True(NvspSendSections.TryRead(Ask(Message(m => new NvspBuffer(SendGpadl, 0).Write(m, NvspMessageType.SendSendBuffer))), out var send));
        Assert.Equal((NvspStatus.Success, 6144u), (send.Status, send.SectionBytes));
    }

    /// <summary>RNDIS as Linux does it, up to the packet filter.</summary>
    public void Start(bool coalescing = true)
    {
        byte[] initialize = new byte[24];
        new RndisControlHeader(RndisMessageType.Initialize, 24, 1).Write(initialize);
        Assert.Equal((uint)RndisStatus.Success, BinaryPrimitives.ReadUInt32LittleEndian(Control(initialize)!.AsSpan(12)));
        byte[] offloads = new byte[NdisOffloadParameters.Size];
        OffloadSetting rsc = coalescing ? OffloadSetting.On : OffloadSetting.Off;
        new NdisOffloadParameters(
            ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Both, OffloadSetting.On, OffloadSetting.On, rsc, rsc)
            .Write(offloads);
        Assert.Equal(RndisStatus.Success, Set(NdisOid.OffloadParameters, offloads));
        Assert.Equal(RndisStatus.Success, Set(NdisOid.CurrentPacketFilter, [0xD, 0, 0, 0]));
        Channel.Sent.Clear();
    }

    public NvspStatus Initialize(NvspVersion version)
    {
        byte[] answer = Ask(Message(message => new NvspInitialize(version, version).Write(message)));
        Assert.True(NvspInitializeComplete.TryRead(answer, out NvspInitializeComplete complete));
        Assert.True(answer.Length >= 28);
        return complete.Status;
    }

    public static byte[] Message(Action<byte[]> write)
    {
        byte[] message = new byte[40];
        write(message);
        return message;
    }

    /// <summary>Delivers a packet as the bus does, with the end of the batch and the work that comes of it.</summary>
    public PacketVerdict Send(
        byte[] payload, ushort flags = PacketDescriptor.CompletionRequested, ulong? id = null, byte[]? ranges = null, NetworkEndpoint? endpoint = null,
        ScriptedNetworkChannel? channel = null)
    {
        PacketType type = ranges is null ? PacketType.DataInband : PacketType.DataUsingGpaDirect;
        int header = PacketDescriptor.Size + (ranges?.Length ?? 0);
        var descriptor = new PacketDescriptor(type, header, header + payload.Length, flags, id ?? _nextTransaction++);
        PacketVerdict verdict = (endpoint ?? Endpoint).Receive(new RingPacket(descriptor, ranges, payload));
        (endpoint ?? Endpoint).EndBatch();
        (channel ?? Channel).RunPosted();
        return verdict;
    }

    /// <summary>Sends a request and returns the payload of its one answer, which is taken out.</summary>
    public byte[] Ask(byte[] payload, byte[]? ranges = null)
    {
        ulong id = _nextTransaction++;
        Assert.Equal(PacketVerdict.Taken, Send(payload, id: id, ranges: ranges));
        HostPacket answer = Assert.Single(Channel.Sent, packet => packet.Type == PacketType.Completion && packet.TransactionId == id);
        Channel.Sent.Remove(answer);
        return answer.Payload;
    }

    public NvspStatus AskStatus(byte[] payload, byte[]? ranges = null)
    {
        byte[] answer = Ask(payload, ranges);
        Assert.True(NvspPacketComplete.TryRead(answer, out NvspPacketComplete complete));
        Assert.Equal((uint)NvspMessageType.SendRndisPacketComplete, BinaryPrimitives.ReadUInt32LittleEndian(answer));
        return complete.Status;
    }

    /// <summary>The completion of a transfer-pages packet.</summary>
    public PacketVerdict Acknowledge(ulong id, NetworkEndpoint? endpoint = null)
    {
        byte[] payload = new byte[8];
        new NvspPacketComplete(NvspStatus.Success).Write(payload);
        NetworkEndpoint to = endpoint ?? Endpoint;
        PacketVerdict verdict = to.Receive(
            new RingPacket(new PacketDescriptor(PacketType.Completion, PacketDescriptor.Size, PacketDescriptor.Size + 8, 0, id), default, payload));
        to.EndBatch();
        return verdict;
    }

    /// <summary>Writes bytes into guest pages and describes them as a GPA-direct header does, in ranges of at most this length.</summary>
    public byte[] Place(ReadOnlySpan<byte> bytes, int offset = 0, int rangeBytes = int.MaxValue)
    {
        var ranges = new List<byte>();
        uint count = 0;
        ulong page = ScratchPage;
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(bytes.Length, rangeBytes);
            Assert.True(Memory.TryWrite(Gpa.FromPage(page) + (ulong)offset, bytes[..length]));
            int pages = (offset + length + 4095) / 4096;
            byte[] range = new byte[8 + (8 * pages)];
            BinaryPrimitives.WriteUInt32LittleEndian(range, (uint)length);
            BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(4), (uint)offset);
            for (int i = 0; i < pages; i++) BinaryPrimitives.WriteUInt64LittleEndian(range.AsSpan(8 + (8 * i)), page + (ulong)i);
            ranges.AddRange(range);
            page += (ulong)pages + 1;
            bytes = bytes[length..];
            count++;
            offset = 0;
        }

        byte[] header = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), count);
        return [.. header, .. ranges];
    }

    /// <summary>Sends a control message; the RNDIS answer, or null when there is none.</summary>
    public byte[]? Control(byte[] message)
    {
        byte[] nvsp = Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        Assert.Equal(NvspStatus.Success, AskStatus(nvsp, Place(message)));
        HostPacket? answer = Channel.Sent.Find(packet => packet.Type == PacketType.DataUsingTransferPages);
        if (answer is null) return null;
        Channel.Sent.Remove(answer);
        (int bytes, int offset) = Assert.Single(Ranges(answer));
        byte[] reply = new byte[bytes];
        Assert.True(ReceiveRegion.TryRead(offset, reply));
        Assert.Equal(PacketVerdict.Taken, Acknowledge(answer.TransactionId));
        return reply;
    }

    public (RndisStatus Status, byte[] Value) Query(NdisOid oid, byte[]? input = null)
    {
        byte[] reply = Control(Request(RndisMessageType.Query, oid, input ?? []))!;
        int bytes = BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(16));
        Assert.Equal(16, BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(20)));
        Assert.Equal(24 + bytes, reply.Length);
        return ((RndisStatus)BinaryPrimitives.ReadUInt32LittleEndian(reply.AsSpan(12)), reply[24..]);
    }

    public RndisStatus Set(NdisOid oid, byte[] value)
        => (RndisStatus)BinaryPrimitives.ReadUInt32LittleEndian(Control(Request(RndisMessageType.Set, oid, value))!.AsSpan(12));

    public byte[] Request(RndisMessageType type, NdisOid oid, byte[] value)
    {
        byte[] message = new byte[RndisRequest.Size + value.Length];
        var header = new RndisControlHeader(type, (uint)message.Length, _nextRequest++);
        new RndisRequest(header, oid, (uint)value.Length, RndisRequest.Size - 8).Write(message);
        value.CopyTo(message, RndisRequest.Size);
        return message;
    }

    /// <summary>One RNDIS packet with a frame.</summary>
    public static byte[] Packet(byte[] frame, params (PacketInformationType Type, uint Value)[] information)
    {
        int head = RndisPacketHeader.Size + (16 * information.Length);
        byte[] message = new byte[head + frame.Length];
        new RndisPacketHeader((uint)message.Length, (uint)(head - 8), (uint)frame.Length, information.Length == 0 ? 0u : 36, (uint)(16 * information.Length))
            .Write(message);
        for (int i = 0; i < information.Length; i++)
            PacketInformation.Write(message.AsSpan(RndisPacketHeader.Size + (16 * i)), information[i].Type, information[i].Value);
        frame.CopyTo(message, head);
        return message;
    }

    /// <summary>Sends RNDIS packets in guest pages, and the status of their completion once the link has given the frames back.</summary>
    public NvspStatus Transmit(byte[] rndis, int rangeBytes = int.MaxValue)
    {
        ulong id = _nextTransaction++;
        byte[] nvsp = Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        Assert.Equal(PacketVerdict.Taken, Send(nvsp, id: id, ranges: Place(rndis, 100, rangeBytes)));
        Channel.Queue?.Release();
        HostPacket answer = Assert.Single(Channel.Sent, packet => packet.Type == PacketType.Completion && packet.TransactionId == id);
        Channel.Sent.Remove(answer);
        Assert.Equal(8, answer.Payload.Length);
        Assert.True(NvspPacketComplete.TryRead(answer.Payload, out NvspPacketComplete complete));
        return complete.Status;
    }

    public static IReadOnlyList<(int Bytes, int Offset)> Ranges(HostPacket packet)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(packet.Header.AsSpan(4));
        Assert.Equal(8 + (8 * count), packet.Header.Length);
        return [.. Enumerable.Range(0, count).Select(i => (
            BinaryPrimitives.ReadInt32LittleEndian(packet.Header.AsSpan(8 + (8 * i))), BinaryPrimitives.ReadInt32LittleEndian(packet.Header.AsSpan(12 + (8 * i)))))];
    }

    /// <summary>What a transfer-pages packet carries, checked as Linux checks it.</summary>
    public IReadOnlyList<GuestFrame> Frames(HostPacket packet)
    {
        Assert.Equal(PacketType.DataUsingTransferPages, packet.Type);
        Assert.Equal(0xCAFE, BinaryPrimitives.ReadUInt16LittleEndian(packet.Header));
        Assert.Equal(PacketDescriptor.CompletionRequested, packet.Flags);
        Assert.InRange(packet.TransactionId, 0ul, (ulong)SectionCount - 1);
        var frames = new List<GuestFrame>();
        foreach ((int bytes, int offset) in Ranges(packet))
        {
            Assert.InRange(bytes, RndisPacketHeader.Size, SectionBytes);
            byte[] message = new byte[bytes];
            Assert.True(ReceiveRegion.TryRead(offset, message));
            Assert.True(RndisPacketHeader.TryRead(message, bytes, out RndisPacketHeader header));
            ReadOnlySpan<byte> rest = header.InformationBytes == 0 ? default : message.AsSpan(8 + (int)header.InformationOffset, (int)header.InformationBytes);
            var information = new Dictionary<PacketInformationType, uint>();
            while (!rest.IsEmpty)
            {
                Assert.True(PacketInformation.TryRead(ref rest, out PacketInformation element));
                information.Add(element.Type, element.Word);
            }

            frames.Add(new GuestFrame(message.AsSpan(8 + (int)header.DataOffset, (int)header.DataBytes).ToArray(), information));
        }

        return frames;
    }

    public HostPacket TakeReceived(ScriptedNetworkChannel? channel = null)
    {
        HostPacket packet = Assert.Single((channel ?? Channel).Sent, p => p.Type == PacketType.DataUsingTransferPages);
        (channel ?? Channel).Sent.Remove(packet);
        return packet;
    }

    public void Dispose() => Memory.Dispose();
}
