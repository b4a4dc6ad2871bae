using System.Buffers.Binary;
using VmBus.Memory.Rings;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Network;

// Frames from the host, in sections of the receive buffer, several in one packet; each packet is acknowledged once.
public sealed partial class NetvscQueue
{
    private const int RangesOffset = 8;
    private const int RangeBytes = 8;
    private const int EthernetBytes = 14;

    // An IP packet of 64 KiB that is not cut yet, its Ethernet header and a tag.
    private const int LargestFrameBytes = 65535 + 18;

    private readonly Queue<(ulong Id, NvspStatus Status)> _acknowledgements = new();
    private readonly byte[] _acknowledgement = new byte[NvspPacketComplete.Size];
    private byte[] _section = [];
    private byte[] _coalesced = [];
    private int _coalescedBytes;
    private bool _isCoalescing;
    private ChecksumDone _coalescedChecksums;
    private VlanInformation? _coalescedVlan;
    private int _maximumAcknowledgements;

    /// <summary>Begins to receive from sections of this size.</summary>
    internal void StartReceiving(int sectionBytes, int sectionCount)
    {
        _section = new byte[sectionBytes];
        _coalesced = new byte[LargestFrameBytes];
        // A packet holds at least one section, so a sound host never has more on their way.
        _maximumAcknowledgements = sectionCount;
    }

    private void ReceiveTransfer(in RingPacket packet, INetvscReceiver? receiver)
    {
        ReadOnlySpan<byte> header = packet.Header;
        uint count = header.Length < RangesOffset ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        bool sound = count > 0 && count <= (uint)(header.Length - RangesOffset) / RangeBytes && _section.Length > 0
            && BinaryPrimitives.ReadUInt16LittleEndian(header) == NetworkInterface.ReceiveBufferId
            && NvspRndisPacket.TryRead(packet.Payload, out _)
            && BinaryPrimitives.ReadUInt32LittleEndian(packet.Payload) == (uint)NvspMessageType.SendRndisPacket;
        if (!sound)
        {
            // As Linux: such a packet is dropped without an answer.
            _owner.Violate(ClientViolation.BadPacket);
            return;
        }

        _ = NvspRndisPacket.TryRead(packet.Payload, out NvspRndisPacket rndis);
        bool isControl = rndis.Channel == NvspChannelType.Control && Index == 0;
        _receivedPackets++;
        _isCoalescing = false;
        bool taken = true;
        for (int i = 0; i < (int)count; i++)
        {
            ReadOnlySpan<byte> range = header[(RangesOffset + (i * RangeBytes))..];
            taken &= TryReceiveRange(BinaryPrimitives.ReadUInt32LittleEndian(range), BinaryPrimitives.ReadUInt32LittleEndian(range[4..]), isControl, receiver);
        }

        // The pieces of a frame come in one packet.
        if (_isCoalescing) taken = Fail();
        if (packet.Descriptor.WantsCompletion) Acknowledge(packet.Descriptor.TransactionId, taken ? NvspStatus.Success : NvspStatus.Failure);
    }

    private bool TryReceiveRange(uint bytes, uint offset, bool isControl, INetvscReceiver? receiver)
    {
        if (bytes > _section.Length) return Fail();
        Span<byte> message = _section.AsSpan(0, (int)bytes);
        if (!_owner.ReceiveRegion!.TryRead(offset, message)) return Fail();
        if (isControl)
        {
            _owner.ControlReceived(message);
            return true;
        }

        if (!RndisPacketHeader.TryRead(message, bytes, out RndisPacketHeader header)) return Fail();
        if (!TryReadInformation(message, header, out ChecksumDone checksums, out VlanInformation? vlan, out CoalescingFlags coalescing)) return Fail();
        ReadOnlySpan<byte> data = message.Slice(RndisPacketHeader.OffsetBase + (int)header.DataOffset, (int)header.DataBytes);
        if ((coalescing & CoalescingFlags.Piece) != 0) return TryCollect(data, checksums, vlan, coalescing, receiver);
        if (_isCoalescing || data.Length < EthernetBytes) return Fail();
        _received++;
        receiver?.Receive(new ReceivedFrame(data, checksums, vlan));
        return true;
    }

    // Checksums and tag are those of the first piece.
    private bool TryCollect(ReadOnlySpan<byte> data, ChecksumDone checksums, VlanInformation? vlan, CoalescingFlags flags, INetvscReceiver? receiver)
    {
        bool isFirst = (flags & CoalescingFlags.First) != 0;
        if (isFirst == _isCoalescing || (isFirst && data.Length < EthernetBytes)) return Fail();
        if (isFirst)
        {
            _isCoalescing = true;
            _coalescedBytes = 0;
            (_coalescedChecksums, _coalescedVlan) = (checksums, vlan);
        }

        if (data.Length > _coalesced.Length - _coalescedBytes) return Fail();
        data.CopyTo(_coalesced.AsSpan(_coalescedBytes));
        _coalescedBytes += data.Length;
        if ((flags & CoalescingFlags.Last) == 0) return true;
        _isCoalescing = false;
        _received++;
        receiver?.Receive(new ReceivedFrame(_coalesced.AsSpan(0, _coalescedBytes), _coalescedChecksums, _coalescedVlan));
        return true;
    }

    private static bool TryReadInformation(
        ReadOnlySpan<byte> message, in RndisPacketHeader header, out ChecksumDone checksums, out VlanInformation? vlan, out CoalescingFlags coalescing)
    {
        (checksums, vlan, coalescing) = (ChecksumDone.None, null, CoalescingFlags.None);
        if (header.InformationBytes == 0) return true;
        ReadOnlySpan<byte> rest = message.Slice(RndisPacketHeader.OffsetBase + (int)header.InformationOffset, (int)header.InformationBytes);
        while (!rest.IsEmpty)
        {
            if (!PacketInformation.TryRead(ref rest, out PacketInformation element)) return false;
            switch (element.Type)
            {
                case PacketInformationType.Checksum:
                    checksums = (ChecksumDone)element.Word;
                    break;
                case PacketInformationType.Ieee8021Q:
                    vlan = new VlanInformation(element.Word);
                    break;
                case PacketInformationType.Coalescing when element.Value.Length >= 2:
                    coalescing = (CoalescingFlags)element.Value[1];
                    break;
                default:
                    break;
            }
        }

        return true;
    }

    private bool Fail()
    {
        _isCoalescing = false;
        _receiveFailed++;
        _owner.Violate(ClientViolation.BadPacket);
        return false;
    }

    private void Acknowledge(ulong id, NvspStatus status)
    {
        if (_acknowledgements.Count == 0 && TryAcknowledge(id, status)) return;
        if (_acknowledgements.Count < _maximumAcknowledgements) _acknowledgements.Enqueue((id, status));
        else _owner.Violate(ClientViolation.BadPacket);
    }

    private void SendAcknowledgements()
    {
        while (!IsBroken && _acknowledgements.TryPeek(out (ulong Id, NvspStatus Status) first) && TryAcknowledge(first.Id, first.Status))
            _ = _acknowledgements.Dequeue();
    }

    private bool TryAcknowledge(ulong id, NvspStatus status)
    {
        new NvspPacketComplete(status).Write(_acknowledgement);
        return TryWrite(PacketType.Completion, default, _acknowledgement, id, 0);
    }
}
