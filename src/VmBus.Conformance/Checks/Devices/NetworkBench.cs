using VmBus.Client;
using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>The driver of a network adapter, one request at a time.</summary>
internal sealed class NetworkBench
{
    public const int MessageBytes = 40;

    private const int ReceivePages = 512;
    private const int SendPages = 64;
    private const int RangesOffset = 8;

    private readonly Bench _bench;
    private readonly PageRun _control;
    private ulong _id = 1;
    private uint _requestId = 100;

    private NetworkBench(Bench bench, BenchChannel channel)
    {
        (_bench, Channel) = (bench, channel);
        _control = bench.TakePages(1);
    }

    public BenchChannel Channel { get; }

    /// <summary>The receive buffer.</summary>
    public PageRun Receive { get; private set; }

    public uint ReceiveGpadl { get; private set; }

    public uint SectionBytes { get; private set; }

    public uint SectionCount { get; private set; }

    public PageRun SendBuffer { get; private set; }

    public uint SendGpadl { get; private set; }

    public uint SendSectionBytes { get; private set; }

    public static NetworkBench Open(Bench bench)
    {
        _ = bench.ConnectAndList();
        return new NetworkBench(bench, bench.Open(bench.Find(NetworkInterface.Synthetic, "network adapter"), pagesPerRing: 33));
    }

    /// <summary>Opens and agrees on a version, without buffers.</summary>
    public static NetworkBench Negotiated(Bench bench, NvspVersion version = NvspVersion.V5)
    {
        NetworkBench network = Open(bench);
        NvspInitializeComplete complete = network.Initialize(version, version);
        if (complete.Status != NvspStatus.Success) throw new NotCoveredException($"The network adapter does not speak {version}.");
        network.Tell(static message => new NvspNdisConfiguration(1514, NdisCapabilities.Ieee8021Q).Write(message));
        network.Tell(static message => new NvspNdisVersion(6, 30).Write(message));
        return network;
    }

    /// <summary>Opens, gives both buffers, and initialises RNDIS.</summary>
    public static NetworkBench Ready(Bench bench)
    {
        NetworkBench network = Negotiated(bench);
        network.GiveBuffers();
        RndisInitializeComplete complete = network.InitializeRndis(out _);
        Bench.Must(complete.Status == RndisStatus.Success, $"RNDIS Initialize failed with {complete.Status}.");
        return network;
    }

    public NvspInitializeComplete Initialize(NvspVersion minimum, NvspVersion maximum)
    {
        byte[] answer = Ask(message => new NvspInitialize(minimum, maximum).Write(message), "Initialize");
        Bench.Must(NvspInitializeComplete.TryRead(answer, out NvspInitializeComplete complete) && TypeOf(answer) == NvspMessageType.InitializeComplete,
            $"Initialize was answered with {TypeOf(answer)} of {answer.Length} bytes.");
        return complete;
    }

    public void GiveBuffers()
    {
        (Receive, ReceiveGpadl) = Describe(ReceivePages);
        byte[] answer = Ask(message => new NvspBuffer(ReceiveGpadl, NetworkInterface.ReceiveBufferId).Write(message, NvspMessageType.SendReceiveBuffer), "SendReceiveBuffer");
        Bench.Must(NvspReceiveSections.TryRead(answer, out NvspReceiveSections sections) && sections.Status == NvspStatus.Success, $"SendReceiveBuffer was answered with {Convert.ToHexString(answer)}.");
        (SectionBytes, SectionCount) = (sections.SectionBytes, sections.SectionCount);
        (SendBuffer, SendGpadl) = Describe(SendPages);
        answer = Ask(message => new NvspBuffer(SendGpadl, 0).Write(message, NvspMessageType.SendSendBuffer), "SendSendBuffer");
        Bench.Must(NvspSendSections.TryRead(answer, out NvspSendSections sending) && sending.Status == NvspStatus.Success, $"SendSendBuffer was answered with {Convert.ToHexString(answer)}.");
        SendSectionBytes = sending.SectionBytes;
    }

    public RndisInitializeComplete InitializeRndis(out uint requestId)
    {
        byte[] request = new byte[24];
        requestId = _requestId++;
        new RndisControlHeader(RndisMessageType.Initialize, 24, requestId).Write(request);
        WriteUInt32LittleEndian(request.AsSpan(12), 1);
        WriteUInt32LittleEndian(request.AsSpan(20), 0x4000);
        Bench.Must(Control(request) == NvspStatus.Success, "RNDIS Initialize was not taken.");
        byte[] reply = Reply("RNDIS Initialize");
        Bench.Must(RndisInitializeComplete.TryRead(reply, out RndisInitializeComplete complete), $"RNDIS Initialize was answered with {Convert.ToHexString(reply)}.");
        return complete;
    }

    /// <summary>Asks for an object.</summary>
    public (RndisStatus Status, byte[] Value) Query(NdisOid oid)
    {
        byte[] request = new byte[RndisRequest.Size];
        uint id = _requestId++;
        new RndisRequest(new RndisControlHeader(RndisMessageType.Query, RndisRequest.Size, id), oid, 0, 0).Write(request);
        Bench.Must(Control(request) == NvspStatus.Success, $"A query of {oid} was not taken.");
        byte[] reply = Reply($"A query of {oid}");
        bool sound = RndisAnswers.TryReadQuery(reply, out RndisStatus status, out ReadOnlySpan<byte> value);
        Bench.Must(sound && RndisControlHeader.TryRead(reply, out RndisControlHeader header) && header.RequestId == id, $"A query of {oid} was answered with {Convert.ToHexString(reply)}.");
        return (status, value.ToArray());
    }

    /// <summary>Says which frames the guest wants.</summary>
    /// <param name="filter">Bits of the packet filter; 0 for none.</param>
    public void SetFilter(uint filter)
    {
        byte[] request = new byte[RndisRequest.Size + sizeof(uint)];
        uint id = _requestId++;
        new RndisRequest(new RndisControlHeader(RndisMessageType.Set, (uint)request.Length, id), NdisOid.CurrentPacketFilter, sizeof(uint), RndisRequest.Size - RndisPacketHeader.OffsetBase).Write(request);
        WriteUInt32LittleEndian(request.AsSpan(RndisRequest.Size), filter);
        Bench.Must(Control(request) == NvspStatus.Success, "The packet filter was not taken.");
        byte[] reply = Reply("The packet filter");
        bool sound = RndisControlHeader.TryRead(reply, out RndisControlHeader header) && header.Type == RndisMessageType.SetComplete && header.RequestId == id;
        Bench.Must(sound && reply.Length >= 16 && ReadUInt32LittleEndian(reply.AsSpan(12)) == 0, $"The packet filter was answered with {Convert.ToHexString(reply)}.");
    }

    /// <summary>Sends an NVSP message and takes the completion's payload.</summary>
    public byte[] Ask(Action<byte[]> write, string what)
    {
        byte[] message = new byte[MessageBytes];
        write(message);
        ulong id = Next();
        Channel.Send(message, id);
        return Channel.Complete(id, what).Payload;
    }

    public void Tell(Action<byte[]> write)
    {
        byte[] message = new byte[MessageBytes];
        write(message);
        Channel.Send(message, Next(), flags: 0);
    }

    /// <summary>Sends an RNDIS message as a control message, and takes its completion.</summary>
    public NvspStatus Control(ReadOnlySpan<byte> rndis) => Rndis(rndis, NvspChannelType.Control);

    /// <summary>Sends an RNDIS message on either of the two kinds of channel.</summary>
    public NvspStatus Rndis(ReadOnlySpan<byte> rndis, NvspChannelType kind)
    {
        _ = _bench.Memory.TryWrite(Gpa.FromPage(_control.FirstPage), rndis);
        byte[] message = new byte[MessageBytes];
        new NvspRndisPacket(kind, NetworkInterface.NoSection, 0).Write(message);
        ulong id = Next();
        Channel.Send(message, id, PacketType.DataUsingGpaDirect, StorageBench.Ranges((uint)rndis.Length, 0, _control.FirstPage));
        ReceivedPacket packet = Channel.Complete(id, "An RNDIS message");
        bool sound = NvspPacketComplete.TryRead(packet.Payload, out NvspPacketComplete complete) && TypeOf(packet.Payload) == NvspMessageType.SendRndisPacketComplete;
        Bench.Must(sound && packet.Payload.Length == NvspPacketComplete.Size, $"An RNDIS message was completed with {Convert.ToHexString(packet.Payload)}.");
        return complete.Status;
    }

    /// <summary>Takes an RNDIS message of the host, and completes its packet.</summary>
    public byte[] Reply(string after)
    {
        ReceivedPacket packet = Channel.Expect(after);
        Bench.Must(packet.Descriptor.Type == PacketType.DataUsingTransferPages, $"{after}: a packet of type {(int)packet.Descriptor.Type:x} came where an RNDIS message was due.");
        (uint bytes, uint offset) = Range(packet);
        byte[] message = new byte[bytes];
        _ = _bench.Memory.TryRead(Gpa.FromPage(Receive.FirstPage) + offset, message);
        Complete(packet.Descriptor.TransactionId);
        return message;
    }

    /// <summary>Gives the sections of a receive packet back.</summary>
    public void Complete(ulong id)
    {
        byte[] complete = new byte[NvspPacketComplete.Size];
        new NvspPacketComplete(NvspStatus.Success).Write(complete);
        Channel.Send(complete, id, PacketType.Completion, flags: 0);
    }

    public (uint Bytes, uint Offset) Range(ReceivedPacket packet)
    {
        Bench.Must(packet.Header.Length >= RangesOffset + 8 && ReadUInt32LittleEndian(packet.Header.AsSpan(4)) == 1, "A control message is not in one range.");
        uint bytes = ReadUInt32LittleEndian(packet.Header.AsSpan(RangesOffset)), offset = ReadUInt32LittleEndian(packet.Header.AsSpan(RangesOffset + 4));
        bool inside = (ulong)offset + bytes <= (ulong)Receive.PageCount * Gpa.PageBytes;
        Bench.Must(inside, $"A message of {bytes} bytes lies at {offset} of the receive buffer.");
        return (bytes, offset);
    }

    /// <summary>Describes a buffer of the primary channel.</summary>
    public (PageRun Pages, uint Gpadl) Describe(int pages)
    {
        PageRun buffer = _bench.TakePages(pages);
        ClientStatus status = _bench.Client.TryCreateGpadl(Channel.Id, [buffer], out uint gpadl);
        Bench.Must(status == ClientStatus.Ok, $"A buffer of {pages} pages was refused: {status}.");
        return (buffer, gpadl);
    }

    public static NvspMessageType TypeOf(ReadOnlySpan<byte> message) => message.Length < 4 ? NvspMessageType.None : (NvspMessageType)ReadUInt32LittleEndian(message);

    private ulong Next() => _id++;
}
