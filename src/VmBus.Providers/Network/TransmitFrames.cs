using System.Buffers.Binary;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Virtio;

namespace VmBus.Providers.Network;

/// <summary>Makes frames for the link of the guest's packets: what is still to be done goes into the header, repaired headers into host memory.</summary>
/// <remarks>One lane. The payload is not copied. Source: protocol-spec/rndis.md#large-send.</remarks>
internal sealed class TransmitFrames(GuestStream stream, LinkOffloads offloads, ChecksumDoubt doubt)
{
    // More than any guest writes: four elements of 16 bytes.
    private const int MaximumInformationBytes = 256;
    private const int TcpChecksum = 16;
    private const int UdpChecksum = 6;
    private const int TcpBytes = 20;

    private readonly byte[] _head = new byte[FrameBuffer.MaximumHostBytes - FrameHeaders.TagBytes];
    private readonly byte[] _information = new byte[MaximumInformationBytes];

    /// <summary>Whether the last frame is to be segmented.</summary>
    public bool IsLarge { get; private set; }

    /// <summary>Fills a frame from one RNDIS packet of the stream.</summary>
    /// <param name="frame">An empty frame.</param>
    /// <param name="start">Where the packet begins in the stream.</param>
    /// <param name="packet">Its header, checked against the stream.</param>
    /// <param name="maximumBytes">Longest frame that is not to be segmented.</param>
    /// <returns>False when the packet is malformed or asks for what is not offered.</returns>
    public bool TryFill(FrameBuffer frame, int start, in RndisPacketHeader packet, int maximumBytes)
    {
        if (!TryReadInformation(start, packet, out Work work)) return false;
        int data = start + RndisPacketHeader.OffsetBase + (int)packet.DataOffset;
        int bytes = (int)packet.DataBytes;
        IsLarge = work.Large is not null;
        if (bytes < FrameHeaders.EthernetBytes || (!IsLarge && bytes > maximumBytes)) return false;
        if (work.Large is null && work.Checksum is null && work.Vlan is null && bytes > FrameHeaders.MaximumAcknowledgement)
        {
            frame.Clear();
            frame.Header = default;
            return stream.TryAddTo(frame, data, bytes);
        }

        Span<byte> head = _head.AsSpan(0, Math.Min(bytes, _head.Length));
        if (!stream.TryRead(data, head)) return false;
        FrameHeaders headers = FrameHeaders.Read(head);
        if (bytes <= FrameHeaders.MaximumAcknowledgement && headers.TellsOfHole(head)) doubt.Hole();
        VirtioNetHeader header = default;
        int copied = 0;
        bool done = work switch
        {
            { Large: { } large } => TryRepair(head, bytes, headers, large, out header, out copied),
            { Checksum: { } checksum } => TryChecksum(head, bytes, headers, checksum, out header, out copied),
            _ => true,
        };
        return done && TryAssemble(frame, head, copied, work.Vlan, header, data, bytes);
    }

    private bool TryReadInformation(int start, in RndisPacketHeader packet, out Work work)
    {
        work = default;
        if (packet.InformationBytes == 0) return true;
        if (packet.InformationBytes > MaximumInformationBytes) return false;
        Span<byte> bytes = _information.AsSpan(0, (int)packet.InformationBytes);
        if (!stream.TryRead(start + RndisPacketHeader.OffsetBase + (int)packet.InformationOffset, bytes)) return false;
        ReadOnlySpan<byte> rest = bytes;
        while (!rest.IsEmpty)
        {
            if (!PacketInformation.TryRead(ref rest, out PacketInformation element)) return false;
            switch (element.Type)
            {
                case PacketInformationType.Checksum:
                    work = work with { Checksum = new ChecksumToDo(element.Word) };
                    break;
                case PacketInformationType.LargeSend:
                    work = work with { Large = new LargeSend(element.Word) };
                    break;
                case PacketInformationType.Ieee8021Q:
                    work = work with { Vlan = new VlanInformation(element.Word) };
                    break;
                default:
                    break;
            }
        }

        return true;
    }

    private bool TryRepair(Span<byte> head, int bytes, in FrameHeaders headers, LargeSend large, out VirtioNetHeader header, out int copied)
    {
        header = default;
        copied = 0;
        int transport = headers.TransportOffset;
        LinkOffloads wanted = large.IsIpv6 ? LinkOffloads.Tcp6Segmentation : LinkOffloads.Tcp4Segmentation;
        if (!large.IsVersion2 || large.SegmentBytes is 0 or > ushort.MaxValue || (offloads & wanted) == 0) return false;
        if (headers.Version != (large.IsIpv6 ? 6 : 4) || headers.Protocol != FrameHeaders.Tcp || transport == 0) return false;
        if (transport != large.TransportOffset || transport + TcpBytes > head.Length) return false;
        int tcp = (head[transport + 12] >> 4) * 4;
        copied = transport + tcp;
        int packetBytes = bytes - headers.NetworkOffset;
        if (tcp < TcpBytes || copied > head.Length || packetBytes > ushort.MaxValue) return false;
        if (headers.Version == 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[(headers.NetworkOffset + 2)..], (ushort)packetBytes);
            headers.FinishIpv4(head);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[(headers.NetworkOffset + 4)..], (ushort)(packetBytes - 40));
        }

        ushort sum = InternetChecksum.Fold(headers.PseudoSum(head, bytes - transport));
        BinaryPrimitives.WriteUInt16LittleEndian(head[(transport + TcpChecksum)..], sum);
        // What is no longer than one segment is none to cut: the kernel refuses it otherwise.
        bool isCut = bytes - copied > large.SegmentBytes;
        VirtioNetSegmentation kind = large.IsIpv6 ? VirtioNetSegmentation.Tcp6 : VirtioNetSegmentation.Tcp4;
        header = new VirtioNetHeader(
            VirtioNetFlags.NeedsChecksum, isCut ? kind : VirtioNetSegmentation.None, isCut ? (ushort)copied : (ushort)0,
            isCut ? (ushort)large.SegmentBytes : (ushort)0, (ushort)transport, TcpChecksum, 0);
        return true;
    }

    private bool TryChecksum(Span<byte> head, int bytes, in FrameHeaders headers, ChecksumToDo work, out VirtioNetHeader header, out int copied)
    {
        header = default;
        copied = 0;
        if (work.Has(ChecksumToDo.IpHeader) && work.Has(ChecksumToDo.IsIpv4))
        {
            if (headers.Version != 4) return false;
            int end = headers.NetworkOffset + ((head[headers.NetworkOffset] & 0xF) * 4);
            if (end < headers.NetworkOffset + 20 || end > head.Length) return false;
            headers.FinishIpv4(head);
            copied = end;
        }

        if (!work.Has(ChecksumToDo.Tcp | ChecksumToDo.Udp)) return true;
        if ((offloads & LinkOffloads.Checksum) == 0) return false;
        int transport = work.TransportOffset != 0 ? work.TransportOffset : headers.TransportOffset;
        int offset = work.Has(ChecksumToDo.Tcp) ? TcpChecksum : UdpChecksum;
        if (transport < FrameHeaders.EthernetBytes || transport + offset + sizeof(ushort) > bytes) return false;
        header = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.None, 0, 0, (ushort)transport, (ushort)offset, 0);
        return true;
    }

    private bool TryAssemble(
        FrameBuffer frame, ReadOnlySpan<byte> head, int copied, VlanInformation? vlan, VirtioNetHeader header, int data, int bytes)
    {
        const int Addresses = 12;
        if (vlan is not { } tag)
        {
            head[..copied].CopyTo(frame.Begin(copied));
            frame.Header = header;
            return stream.TryAddTo(frame, data + copied, bytes - copied);
        }

        copied = Math.Max(copied, Addresses);
        Span<byte> start = frame.Begin(copied + FrameHeaders.TagBytes);
        head[..Addresses].CopyTo(start);
        BinaryPrimitives.WriteUInt16BigEndian(start[Addresses..], 0x8100);
        BinaryPrimitives.WriteUInt16BigEndian(start[(Addresses + 2)..], tag.TagControl);
        head[Addresses..copied].CopyTo(start[(Addresses + FrameHeaders.TagBytes)..]);
        if (header.Flags != VirtioNetFlags.None)
        {
            header = header with
            {
                ChecksumStart = (ushort)(header.ChecksumStart + FrameHeaders.TagBytes),
                HeaderBytes = header.HeaderBytes == 0 ? (ushort)0 : (ushort)(header.HeaderBytes + FrameHeaders.TagBytes),
            };
        }

        frame.Header = header;
        return stream.TryAddTo(frame, data + copied, bytes - copied);
    }

    private readonly record struct Work(ChecksumToDo? Checksum, LargeSend? Large, VlanInformation? Vlan);
}
