using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Virtio;
using VmBus.Providers.Network;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>An adapter like that of a capture: the same identity, limits and link. Packets go in as they were in the ring, frames as the link had them.</summary>
/// <remarks>
/// Everything runs on the test's thread. What the link and the lane did in turns of their own, it does when the capture shows what came of it: gives
/// sent frames back, ends a batch of received ones.
/// </remarks>
internal sealed class NetworkReplay : IDisposable
{
    private readonly GuestMemory _memory;
    private readonly FakeLink _link;
    private readonly NetworkProvider _provider;
    private readonly Dictionary<uint, Channel> _channels = [];
    private readonly Dictionary<uint, ScriptedBuffer> _buffers = [];
    private readonly Dictionary<NvspMessageType, ScriptedBuffer> _given = [];

    public NetworkReplay(SpecConversation conversation)
    {
        ulong guestBytes = ulong.Parse(conversation.Head["memory"], CultureInfo.InvariantCulture);
        long[][] buffers = [.. conversation.Utterances.Where(line => line.Label.StartsWith("buffer ", StringComparison.Ordinal)).Select(line => Numbers(line.Label))];
        // The guest's own pages stay where they are, its buffers lie behind them: what page numbers they had is not in the capture.
        ulong page = guestBytes / Gpa.PageBytes;
        ulong more = (ulong)buffers.Sum(buffer => buffer[2] + Gpa.PageBytes);
        _memory = GuestMemory.Create((guestBytes + more + 0x1F_FFFF) & ~0x1F_FFFFUL);
        foreach (long[] buffer in buffers)
        {
            int pages = (int)((buffer[2] + Gpa.PageBytes - 1) / Gpa.PageBytes);
            _buffers[(uint)buffer[1]] = new ScriptedBuffer(new GuestRegion(_memory, 0, buffer[2], [new PageRun(page, pages)]));
            page += (ulong)pages;
        }

        long[] link = Numbers("link " + conversation.Head["link"]);
        _link = new FakeLink(new LinkTraits((int)link[0], (LinkOffloads)link[1], (LinkOffloads)link[2], (int)link[3], (ulong)link[4]));
        string[] adapter = conversation.Head["adapter"].Split(' ');
        Assert.True(MacAddress.TryParse(adapter[1], out MacAddress address));
        int processors = int.Parse(conversation.Head["processors"], CultureInfo.InvariantCulture);
        _provider = new NetworkProvider(_link, Guid.Parse(adapter[0]), new NetworkOptions(address) { MaximumQueues = processors }, NullLogger.Instance);
    }

    /// <summary>Packets and frames that nobody has taken.</summary>
    public int Unclaimed => _channels.Values.Sum(channel => channel.Unclaimed);

    public void Open(uint id, int index)
    {
        var channel = new ScriptedNetworkChannel(id, index, _memory, _link);
        foreach ((uint gpadl, ScriptedBuffer buffer) in _buffers) channel.Buffers.Add(gpadl, buffer);
        _channels.TryGetValue(id, out Channel? before);
        _channels[id] = new Channel(channel, _provider.Open(channel) ?? throw new InvalidOperationException("The provider refused the channel."));
        Assert.True(before is null || before.Unclaimed == 0);
        RunPosted();
    }

    public void Close(uint id)
    {
        _channels[id].Endpoint.Close();
        RunPosted();
    }

    /// <summary>Puts the RNDIS messages where the packet says they are, and delivers the packet.</summary>
    public void Send(uint id, byte[] packet, byte[] messages)
    {
        Assert.True(PacketDescriptor.TryRead(packet, out PacketDescriptor descriptor));
        ReadOnlySpan<byte> header = packet.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size);
        ReadOnlySpan<byte> payload = packet.AsSpan(descriptor.HeaderBytes);
        var type = descriptor.Type == PacketType.Completion ? NvspMessageType.None : (NvspMessageType)BinaryPrimitives.ReadUInt32LittleEndian(payload);
        if (type is NvspMessageType.SendReceiveBuffer or NvspMessageType.SendSendBuffer)
        {
            Assert.True(NvspBuffer.TryRead(payload, out NvspBuffer buffer));
            _given[type] = _buffers[buffer.Gpadl];
        }

        if (type == NvspMessageType.SendRndisPacket)
        {
            Assert.True(NvspRndisPacket.TryRead(payload, out NvspRndisPacket rndis));
            int inSection = rndis.SectionIndex == NetworkInterface.NoSection ? 0 : (int)rndis.SectionBytes;
            if (inSection > 0)
                Assert.True(_given[NvspMessageType.SendSendBuffer].Memory.TryWrite((long)rndis.SectionIndex * Transmitter.SectionBytes, messages.AsSpan(0, inSection)));
            WritePieces(header, messages.AsSpan(inSection));
        }

        NetworkEndpoint endpoint = _channels[id].Endpoint;
        Assert.Equal(PacketVerdict.Taken, endpoint.Receive(new RingPacket(descriptor, header, payload)));
        endpoint.EndBatch();
        RunPosted();
    }

    /// <summary>A frame arrives on the link.</summary>
    public void Deliver(uint id, byte[] frame) =>
        Assert.True(_channels[id].Queue.Deliver(frame[VirtioNetHeader.Bytes..], VirtioNetHeader.Read(frame), endBatch: false));

    /// <summary>The next frame that was sent on the link, with its header.</summary>
    public byte[] TakeFrame(uint id)
    {
        Channel channel = _channels[id];
        Assert.True(channel.Frames < channel.Queue.Sent.Count, $"Channel {id} sends no frame.");
        SentFrame frame = channel.Queue.Sent[channel.Frames++];
        var bytes = new byte[VirtioNetHeader.Bytes + frame.Bytes.Length];
        frame.Header.Write(bytes);
        frame.Bytes.CopyTo(bytes, VirtioNetHeader.Bytes);
        return bytes;
    }

    /// <summary>The packet that <paramref name="expected"/> is to be like: the answer to the same request, or the next one that is no answer.</summary>
    /// <returns>The packet as it would be in the ring, and what is in the sections that it names.</returns>
    public (byte[] Packet, byte[] Messages) TakePacket(uint id, byte[] expected)
    {
        Assert.True(PacketDescriptor.TryRead(expected, out PacketDescriptor descriptor));
        Channel channel = _channels[id];
        bool answer = descriptor.Type == PacketType.Completion;
        HostPacket? packet = Find(channel, descriptor);
        if (packet is null && answer) channel.Queue.Release();
        if (packet is null && !answer) channel.Queue.EndBatch();
        RunPosted();
        packet ??= Find(channel, descriptor) ?? throw new InvalidOperationException($"Channel {id} sends no {descriptor}.");
        channel.Script.Sent.Remove(packet);
        return (ToArray(packet), packet.Type == PacketType.DataUsingTransferPages ? ReadSections(packet.Header) : []);
    }

    public void Dispose() => _memory.Dispose();

    private static HostPacket? Find(Channel channel, PacketDescriptor like) => channel.Script.Sent.Find(
        packet => like.Type == PacketType.Completion
            ? packet.Type == PacketType.Completion && packet.TransactionId == like.TransactionId
            : packet.Type != PacketType.Completion);

    private static byte[] ToArray(HostPacket packet)
    {
        int payload = PacketDescriptor.Size + packet.Header.Length;
        int total = (payload + packet.Payload.Length + PacketDescriptor.Alignment - 1) & ~(PacketDescriptor.Alignment - 1);
        var bytes = new byte[total];
        new PacketDescriptor(packet.Type, payload, total, packet.Flags, packet.TransactionId).Write(bytes);
        packet.Header.CopyTo(bytes, PacketDescriptor.Size);
        packet.Payload.CopyTo(bytes, payload);
        return bytes;
    }

    private static long[] Numbers(string label) => [.. label.Split(' ')[1..].Select(word => long.Parse(word, CultureInfo.InvariantCulture))];

    private void WritePieces(ReadOnlySpan<byte> header, ReadOnlySpan<byte> bytes)
    {
        foreach ((Gpa start, int length) in GuestPieces.Of(header))
        {
            Assert.True(_memory.TryWrite(start, bytes[..length]));
            bytes = bytes[length..];
        }
    }

    private byte[] ReadSections(byte[] header)
    {
        const int RangeBytes = 8;
        var messages = new List<byte>();
        for (int at = RangeBytes; at < header.Length; at += RangeBytes)
        {
            var piece = new byte[BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(at))];
            Assert.True(_given[NvspMessageType.SendReceiveBuffer].Memory.TryRead(BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(at + 4)), piece));
            messages.AddRange(piece);
        }

        return [.. messages];
    }

    private void RunPosted()
    {
        foreach (Channel channel in _channels.Values) channel.Script.RunPosted();
    }

    private sealed class Channel(ScriptedNetworkChannel script, NetworkEndpoint endpoint)
    {
        public ScriptedNetworkChannel Script => script;

        public NetworkEndpoint Endpoint => endpoint;

        public FakeLinkQueue Queue => script.Queue ?? throw new InvalidOperationException("The channel has no queue.");

        /// <summary>Frames taken.</summary>
        public int Frames { get; set; }

        public int Unclaimed => script.Sent.Count + (script.Queue?.Sent.Count ?? 0) - Frames;
    }
}
