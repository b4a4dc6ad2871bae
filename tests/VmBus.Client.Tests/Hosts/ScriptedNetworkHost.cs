using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Tests.Hosts;

/// <summary>A scripted host with a network adapter that sets up as a sound one does, unless the test says otherwise.</summary>
internal sealed class ScriptedNetworkHost : ScriptedHost
{
    public const int SectionBytes = 2048;
    public const int SectionCount = 512;

    private GuestRegion? _receive;

    /// <summary>Looks at every answer of the network protocol, and may replace it: by others, or by none.</summary>
    public Func<NvspMessageType, byte[], IEnumerable<byte[]>>? TamperAnswer { get; set; }

    /// <summary>Looks at every RNDIS answer, and may replace it.</summary>
    public Func<byte[], IEnumerable<byte[]>>? TamperReply { get; set; }

    /// <summary>What the guest said of the packets it got.</summary>
    public List<(ulong Id, NvspStatus Status)> Acknowledged { get; } = [];

    /// <summary>Whether the guest's frames are completed.</summary>
    public bool CompletesFrames { get; set; } = true;

    public GuestRegion Receive => _receive!;

    /// <summary>Sends a transfer-pages packet with these ranges.</summary>
    public void SendTransfer(ulong id, ushort set, NvspChannelType channel, params (uint Bytes, uint Offset)[] ranges)
    {
        byte[] header = new byte[8 + (8 * ranges.Length)];
        BinaryPrimitives.WriteUInt16LittleEndian(header, set);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)ranges.Length);
        for (int i = 0; i < ranges.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8 + (8 * i)), ranges[i].Bytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12 + (8 * i)), ranges[i].Offset);
        }

        byte[] message = new byte[40];
        new NvspRndisPacket(channel, NetworkInterface.NoSection, 0).Write(message);
        SendPacket(PacketType.DataUsingTransferPages, header, message, id, PacketDescriptor.CompletionRequested);
    }

    public void SendPacket(PacketType type, byte[] header, byte[] payload, ulong id, ushort flags)
    {
        _ = Writer!.TryWrite(type, header, payload, id, flags);
        Writer.Commit();
    }

    /// <summary>An RNDIS packet with a frame.</summary>
    public static byte[] Packet(byte[] frame, Span<byte> information = default)
    {
        int head = RndisPacketHeader.Size + information.Length;
        byte[] message = new byte[head + frame.Length];
        new RndisPacketHeader((uint)message.Length, (uint)(head - 8), (uint)frame.Length, information.IsEmpty ? 0u : 36, (uint)information.Length).Write(message);
        information.CopyTo(message.AsSpan(RndisPacketHeader.Size));
        frame.CopyTo(message, head);
        return message;
    }

    protected override void Take(PacketDescriptor descriptor, byte[] header, byte[] payload)
    {
        var type = (NvspMessageType)BinaryPrimitives.ReadUInt32LittleEndian(payload);
        if (descriptor.Type == PacketType.Completion)
        {
            _ = NvspPacketComplete.TryRead(payload, out NvspPacketComplete complete);
            Acknowledged.Add((descriptor.TransactionId, complete.Status));
            return;
        }

        if (!descriptor.WantsCompletion) return;
        _ = NvspRndisPacket.TryRead(payload, out NvspRndisPacket rndis);
        bool isFrame = type == NvspMessageType.SendRndisPacket && rndis.Channel == NvspChannelType.Data;
        if (isFrame && !CompletesFrames) return;
        byte[] answer = Answer(type, payload);
        foreach (byte[] sent in TamperAnswer?.Invoke(type, answer) ?? [answer]) SendPacket(PacketType.Completion, [], sent, descriptor.TransactionId, 0);
        if (isFrame || type != NvspMessageType.SendRndisPacket) return;
        if (Reply(ReadRanges(header)) is not { } reply) return;
        foreach (byte[] sent in TamperReply?.Invoke(reply) ?? [reply])
        {
            if (!Receive.TryWrite(0, sent)) throw new InvalidOperationException("The reply does not fit.");
            SendTransfer(0, NetworkInterface.ReceiveBufferId, NvspChannelType.Control, ((uint)sent.Length, 0));
        }
    }

    private byte[] Answer(NvspMessageType type, byte[] request)
    {
        byte[] answer = new byte[40];
        switch (type)
        {
            case NvspMessageType.Initialize:
                new NvspInitializeComplete(uint.MaxValue, 34, NvspStatus.Success).Write(answer);
                return answer;
            case NvspMessageType.SendReceiveBuffer:
                _ = NvspBuffer.TryRead(request, out NvspBuffer buffer);
                ulong[] pages = Pages(buffer.Gpadl);
                _receive = new GuestRegion(Memory, 0, (long)pages.Length * Gpa.PageBytes, [new PageRun(pages[0], pages.Length)]);
                new NvspReceiveSections(NvspStatus.Success, SectionBytes, SectionCount).Write(answer);
                return answer;
            case NvspMessageType.SendSendBuffer:
                new NvspSendSections(NvspStatus.Success, 6144).Write(answer);
                return answer;
            case NvspMessageType.Subchannel:
                _ = NvspSubchannelRequest.TryRead(request, out NvspSubchannelRequest wanted);
                new NvspSubchannelComplete(NvspStatus.Success, wanted.Count).Write(answer);
                return answer;
            default:
                byte[] complete = new byte[NvspPacketComplete.Size];
                new NvspPacketComplete(NvspStatus.Success).Write(complete);
                return complete;
        }
    }

    private static byte[]? Reply(byte[] request)
    {
        if (!RndisControlHeader.TryRead(request, out RndisControlHeader header)) throw new InvalidOperationException("No RNDIS message.");
        switch (header.Type)
        {
            case RndisMessageType.Initialize:
                byte[] complete = new byte[RndisInitializeComplete.Size];
                new RndisInitializeComplete(header.RequestId, RndisStatus.Success, 8, 0x4000, 3).Write(complete);
                return complete;
            case RndisMessageType.Query when RndisRequest.TryRead(request, out RndisRequest query):
                byte[] value = query.Object switch
                {
                    NdisOid.MaximumFrameSize => BitConverter.GetBytes(1500),
                    NdisOid.PermanentAddress => [2, 0, 0, 0, 0, 1],
                    NdisOid.MediaConnectStatus => new byte[4],
                    NdisOid.LinkSpeed => BitConverter.GetBytes(100_000_000),
                    _ => [],
                };
                byte[] answer = new byte[RndisAnswers.QueryBytes + value.Length];
                RndisAnswers.WriteQuery(answer, header.RequestId, value.Length == 0 ? RndisStatus.NotSupported : RndisStatus.Success, value.Length);
                value.CopyTo(answer, RndisAnswers.QueryBytes);
                return answer;
            case RndisMessageType.Set:
                byte[] set = new byte[RndisAnswers.StatusBytes];
                RndisAnswers.WriteStatus(set, RndisMessageType.SetComplete, header.RequestId, RndisStatus.Success);
                return set;
            default:
                return null;
        }
    }

    private byte[] ReadRanges(ReadOnlySpan<byte> header)
    {
        var bytes = new List<byte>();
        if (!GpaRange.TryReadCount(ref header, out uint count)) throw new InvalidOperationException("No ranges.");
        for (uint i = 0; i < count; i++)
        {
            if (!GpaRange.TryRead(ref header, out GpaRange range)) throw new InvalidOperationException("A range is cut off.");
            byte[] piece = new byte[range.Bytes];
            if (!Memory.TryRead(Gpa.FromPage(range.Page(0)) + (ulong)range.Offset, piece)) throw new InvalidOperationException("A range is not RAM.");
            bytes.AddRange(piece);
        }

        return [.. bytes];
    }
}
