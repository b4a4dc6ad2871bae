using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Network;

// Frames to the host. A slot stands for one of them until its completion: a section of the send buffer, and room for headers elsewhere.
public sealed partial class NetvscQueue
{
    /// <summary>Pieces of one frame at most, without its headers.</summary>
    public const int MaximumPieces = 31;

    internal const int HeaderBytes = 128;

    private const int MaximumPages = 128;
    private readonly byte[] _head = new byte[HeaderBytes];
    private readonly byte[] _ranges = new byte[GpaRange.HeaderBytes + ((MaximumPieces + 1) * GpaRange.FixedBytes) + (MaximumPages * sizeof(ulong))];
    private bool[] _busy = [];
    private int[] _freeSlots = [];
    private int _freeSlotCount;
    private int _firstSection;
    private Gpa _headers;

    /// <summary>Sends a copy of a frame, in a section of the send buffer.</summary>
    public SendResult TrySend(ReadOnlySpan<byte> frame, in TransmitWork work = default)
    {
        if (IsBroken) return SendResult.Broken;
        int head = WriteHead(frame.Length, work);
        if (head + frame.Length > _owner.SendSectionBytes) return SendResult.TooLong;
        if (_freeSlotCount == 0) return SendResult.Full;
        int slot = _freeSlots[_freeSlotCount - 1];
        int section = _firstSection + slot;
        long offset = (long)section * _owner.SendSectionBytes;
        _ = _owner.SendRegion!.TryWrite(offset, _head.AsSpan(0, head));
        _ = _owner.SendRegion.TryWrite(offset + head, frame);
        new NvspRndisPacket(NvspChannelType.Data, (uint)section, (uint)(head + frame.Length)).Write(_message);
        return Send(slot, PacketType.DataInband, default);
    }

    /// <summary>Sends a frame from where it lies; the pages belong to the host until the frame is completed.</summary>
    public SendResult TrySend(ReadOnlySpan<FramePiece> pieces, in TransmitWork work = default)
    {
        if (IsBroken) return SendResult.Broken;
        int bytes = 0;
        int pages = 1;
        foreach (FramePiece piece in pieces)
        {
            bytes += piece.Bytes;
            pages += PagesOf(piece);
        }

        if (pieces.Length > MaximumPieces || pages > MaximumPages) return SendResult.TooLong;
        if (_freeSlotCount == 0) return SendResult.Full;
        int slot = _freeSlots[_freeSlotCount - 1];
        int head = WriteHead(bytes, work);
        Gpa headStart = _headers + (ulong)(slot * HeaderBytes);
        _ = _owner.Memory.TryWrite(headStart, _head.AsSpan(0, head));
        _ranges.AsSpan(0, GpaRange.HeaderBytes).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(_ranges.AsSpan(4), (uint)pieces.Length + 1);
        int at = WriteRange(GpaRange.HeaderBytes, new FramePiece(headStart, head));
        foreach (FramePiece piece in pieces) at = WriteRange(at, piece);
        new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(_message);
        return Send(slot, PacketType.DataUsingGpaDirect, _ranges.AsSpan(0, at));
    }

    /// <summary>Begins to send: sections from a number on, and as many places for headers.</summary>
    internal void StartSending(int firstSection, int slots, Gpa headers)
    {
        (_firstSection, _headers) = (firstSection, headers);
        _busy = new bool[slots];
        _freeSlots = new int[slots];
        for (int i = 0; i < slots; i++) _freeSlots[i] = slots - 1 - i;
        _freeSlotCount = slots;
    }

    private static int PagesOf(in FramePiece piece) => (int)((piece.Start.Value % Gpa.PageBytes) + (uint)piece.Bytes + Gpa.PageBytes - 1) / Gpa.PageBytes;

    private SendResult Send(int slot, PacketType type, ReadOnlySpan<byte> ranges)
    {
        if (!TryWrite(type, ranges, _message, (ulong)slot + 1, PacketDescriptor.CompletionRequested))
            return IsBroken ? SendResult.Broken : SendResult.Full;
        _freeSlotCount--;
        _busy[slot] = true;
        InFlight++;
        return SendResult.Sent;
    }

    private void FreeSlot(int slot)
    {
        _busy[slot] = false;
        _freeSlots[_freeSlotCount++] = slot;
        InFlight--;
    }

    // RNDIS header and packet information; the frame follows directly.
    private int WriteHead(int frameBytes, in TransmitWork work)
    {
        int information = work.InformationBytes;
        int head = RndisPacketHeader.Size + information;
        new RndisPacketHeader(
            (uint)(head + frameBytes), (uint)(head - RndisPacketHeader.OffsetBase), (uint)frameBytes,
            information == 0 ? 0u : RndisPacketHeader.Size - RndisPacketHeader.OffsetBase, (uint)information).Write(_head);
        work.Write(_head.AsSpan(RndisPacketHeader.Size));
        return head;
    }

    private int WriteRange(int at, in FramePiece piece)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_ranges.AsSpan(at), (uint)piece.Bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(_ranges.AsSpan(at + 4), (uint)(piece.Start.Value % Gpa.PageBytes));
        at += GpaRange.FixedBytes;
        ulong page = piece.Start.Value / Gpa.PageBytes;
        for (int i = PagesOf(piece); i > 0; i--, at += sizeof(ulong)) BinaryPrimitives.WriteUInt64LittleEndian(_ranges.AsSpan(at), page++);
        return at;
    }
}
