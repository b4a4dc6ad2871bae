using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Virtio;

namespace VmBus.Providers.Network;

/// <summary>Frames from the link to the guest, of one channel: the link writes them into sections, several go to the guest in one packet. One lane.</summary>
/// <remarks>Allocates nothing once it runs. Source: protocol-spec/network.md#receiving.</remarks>
internal sealed class Receiver
{
    private const int MaximumRented = 64;
    private const int HeadBytes = 128;
    private const int RangeBytes = 8;
    private const int InformationOffset = RndisPacketHeader.Size - RndisPacketHeader.OffsetBase;

    private readonly INetworkChannel _channel;
    private readonly NetworkSession _session;
    private readonly QueueCounters _counters;
    private readonly byte[] _header = new byte[RangeBytes + (NetworkInterface.MaximumRanges * RangeBytes)];
    private readonly byte[] _message = new byte[40];
    private readonly byte[] _head = new byte[HeadBytes];
    private readonly byte[] _rndis = new byte[ReceiveLayout.Headroom];
    private readonly FrameBuffer?[] _frames = new FrameBuffer?[MaximumRented];
    private readonly int[][] _sections = new int[MaximumRented][];
    private readonly int[] _rented = new int[MaximumRented];
    private readonly Stack<int> _freeFrames = new(MaximumRented);
    private byte[] _whole = [];
    private SharedBuffer? _buffer;
    private ReceiveLayout _layout;
    private int _first;
    private int[] _free = [];
    private int _freeCount;
    private int[] _next = [];
    private bool[] _isHead = [];
    private int _ranges;
    private int _chainFirst;
    private int _chainLast;
    private bool _blocked;
    private bool _starved;
    private int _unacknowledged;
    private int _stale;

    public Receiver(INetworkChannel channel, NetworkSession session, QueueCounters counters)
    {
        _channel = channel;
        _session = session;
        _counters = counters;
        for (int i = MaximumRented - 1; i >= 0; i--) _freeFrames.Push(i);
    }

    /// <summary>Whether there is a buffer to receive into.</summary>
    public bool IsStarted => _buffer is not null;

    /// <summary>Whether the guest has frames still to get, or sections to give back.</summary>
    public bool IsOwed => _ranges != 0 || _unacknowledged != 0;

    /// <summary>Begins to use a buffer that has been entered.</summary>
    public void Start(SharedBuffer buffer, in ReceiveLayout layout)
    {
        _buffer = buffer;
        _layout = layout;
        _first = layout.ControlSections + (_channel.Index * layout.PerQueue);
        if (_free.Length != layout.PerQueue)
        {
            _free = new int[layout.PerQueue];
            _next = new int[layout.PerQueue];
            _isHead = new bool[layout.PerQueue];
        }

        Array.Clear(_isHead);
        _freeCount = layout.PerQueue;
        for (int i = 0; i < _freeCount; i++) _free[i] = _freeCount - 1 - i;
        int most = (ReceiveLayout.LargestFrameBytes / layout.FrameBytes) + 1;
        for (int i = 0; i < MaximumRented; i++)
        {
            // Pieces: a section may lie on as many pages as it is long, and one more.
            _frames[i]?.Dispose();
            _frames[i] = null;
            _sections[i] = new int[most];
        }

        _ranges = 0;
        _blocked = _starved = false;
    }

    /// <summary>The link has given all frames back: lets go of the buffer.</summary>
    public void Stop()
    {
        if (_buffer is null) return;
        _stale += _unacknowledged;
        _unacknowledged = 0;
        _ranges = 0;
        _buffer.Leave();
        _buffer = null;
    }

    /// <summary>See <see cref="IFrameReceiver.Rent"/>.</summary>
    public FrameBuffer? Rent(bool closing)
    {
        if (closing || _buffer is not { } buffer || _blocked) return null;
        int needed = _session.ReceiveBytes is var bytes && bytes <= _layout.FrameBytes ? 1 : ((bytes - 1) / _layout.FrameBytes) + 1;
        if (_freeCount < needed || !_freeFrames.TryPop(out int tag))
        {
            if (!_starved) _counters.NoSections++;
            _starved = true;
            return null;
        }

        FrameBuffer frame = _frames[tag] ??= new FrameBuffer(tag, _sections[tag].Length * ((_layout.SectionBytes / Gpa.PageBytes) + 2));
        frame.Clear();
        int[] sections = _sections[tag];
        for (int i = 0; i < needed; i++)
        {
            int section = _free[--_freeCount];
            sections[i] = section;
            // Sections lie inside of the buffer, and the frame has room for their pieces.
            _ = buffer.Memory.TryAddTo(frame.Data, Offset(section) + ReceiveLayout.Headroom, _layout.FrameBytes);
        }

        _rented[tag] = needed;
        return frame;
    }

    /// <summary>See <see cref="IFrameReceiver.Return"/>.</summary>
    public void Return(FrameBuffer frame) => GiveBack(frame.Tag, 0);

    /// <summary>See <see cref="IFrameReceiver.Receive"/>.</summary>
    public void Receive(FrameBuffer frame, int bytes)
    {
        int tag = frame.Tag;
        int used = bytes <= _layout.FrameBytes ? 1 : ((bytes - 1) / _layout.FrameBytes) + 1;
        if (_ranges + used > NetworkInterface.MaximumRanges) Flush();
        if (bytes < FrameHeaders.EthernetBytes || used > _rented[tag] || _ranges + used > NetworkInterface.MaximumRanges
            || (used > 1 && !_session.Version.HasCoalescing()))
        {
            _counters.ReceiveDropped++;
            GiveBack(tag, 0);
            return;
        }

        Describe(frame, bytes, used);
        GiveBack(tag, used);
        _counters.FramesReceived++;
        _counters.BytesReceived += bytes;
        if (used > 1) _counters.Coalesced++;
        if (_ranges == NetworkInterface.MaximumRanges) Flush();
    }

    /// <summary>Sends the frames that were collected.</summary>
    public void Flush()
    {
        if (_ranges == 0 || _buffer is not { } buffer) return;
        BinaryPrimitives.WriteUInt16LittleEndian(_header, buffer.Id);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(4), (uint)_ranges);
        new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(_message);
        bool sent = _channel.TrySend(
            PacketType.DataUsingTransferPages, _header.AsSpan(0, RangeBytes + (_ranges * RangeBytes)),
            _message.AsSpan(0, _session.Version.MessageBytes()), (ulong)(_first + _chainFirst), PacketDescriptor.CompletionRequested);
        _blocked = !sent;
        if (!sent) return;
        _isHead[_chainFirst] = true;
        _unacknowledged++;
        _ranges = 0;
        _counters.ReceivePackets++;
    }

    /// <summary>The guest has done with a packet. False when there is no such packet.</summary>
    public bool TryComplete(ulong transactionId)
    {
        ulong head = unchecked(transactionId - (ulong)_first);
        if (_buffer is null || head >= (ulong)_isHead.Length || !_isHead[head])
        {
            // Late word on packets of a buffer that is gone.
            if (_stale == 0) return false;
            _stale--;
            return true;
        }

        _isHead[head] = false;
        _unacknowledged--;
        for (int section = (int)head; section >= 0; section = _next[section]) _free[_freeCount++] = section;
        return true;
    }

    /// <summary>The end of a turn: sends what waited for the ring, and lets the link go on when there is room again.</summary>
    public void EndBatch(ILinkQueue? queue)
    {
        bool wasBlocked = _blocked;
        if (wasBlocked) Flush();
        if (_blocked || !(wasBlocked || _starved) || queue is null) return;
        // Not for every section: a quarter keeps frames coming without a look for each.
        if (_starved && !wasBlocked && _freeCount < _layout.PerQueue / 4) return;
        _starved = false;
        queue.Resume();
    }

    /// <summary>Frees the frames. None is lent.</summary>
    public void Free()
    {
        for (int i = 0; i < MaximumRented; i++)
        {
            _frames[i]?.Dispose();
            _frames[i] = null;
        }
    }

    private long Offset(int section) => (long)(_first + section) * _layout.SectionBytes;

    private void GiveBack(int tag, int used)
    {
        for (int i = _rented[tag] - 1; i >= used; i--) _free[_freeCount++] = _sections[tag][i];
        _rented[tag] = 0;
        _freeFrames.Push(tag);
    }

    // Writes what is known of the frame in front of each of its pieces, and adds them to the packet.
    private void Describe(FrameBuffer frame, int bytes, int used)
    {
        GuestRegion memory = _buffer!.Memory;
        int[] sections = _sections[frame.Tag];
        Span<byte> head = _head.AsSpan(0, Math.Min(bytes, HeadBytes));
        _ = memory.TryRead(Offset(sections[0]) + ReceiveLayout.Headroom, head);
        FrameHeaders headers = FrameHeaders.Read(head);
        ChecksumDone done = Checksums(frame.Header, headers, sections, bytes, used > 1);
        int information = RndisPacketHeader.Size;
        int skip = 0;
        if (FrameHeaders.IsTagged(head))
        {
            ushort tag = BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
            PacketInformation.Write(_rndis.AsSpan(information), PacketInformationType.Ieee8021Q, VlanInformation.FromTagControl(tag).Bits);
            information += PacketInformation.WordBytes;
            // The addresses move up to where the tag was.
            _ = memory.TryWrite(Offset(sections[0]) + ReceiveLayout.Headroom + FrameHeaders.TagBytes, head[..12]);
            skip = FrameHeaders.TagBytes;
        }

        if (done != ChecksumDone.None)
        {
            PacketInformation.Write(_rndis.AsSpan(information), PacketInformationType.Checksum, (uint)done);
            information += PacketInformation.WordBytes;
        }

        for (int i = 0; i < used; i++)
        {
            int piece = Math.Min(bytes - (i * _layout.FrameBytes), _layout.FrameBytes) - skip;
            int end = information;
            if (used > 1)
            {
                CoalescingFlags flags = CoalescingFlags.Piece
                    | (i == 0 ? CoalescingFlags.First : CoalescingFlags.None) | (i == used - 1 ? CoalescingFlags.Last : CoalescingFlags.None);
                PacketInformation.Write(_rndis.AsSpan(end), PacketInformationType.Coalescing, 1u | ((uint)flags << 8));
                end += PacketInformation.WordBytes;
            }

            int informationBytes = end - RndisPacketHeader.Size;
            int total = ReceiveLayout.Headroom + skip + piece;
            new RndisPacketHeader(
                (uint)total, (uint)(ReceiveLayout.Headroom + skip - RndisPacketHeader.OffsetBase), (uint)piece,
                informationBytes == 0 ? 0u : InformationOffset, (uint)informationBytes).Write(_rndis);
            _ = memory.TryWrite(Offset(sections[i]), _rndis.AsSpan(0, end));
            AddRange(sections[i], total);
            // Only the first piece carries what holds for all.
            skip = 0;
            information = RndisPacketHeader.Size;
        }
    }

    private void AddRange(int section, int bytes)
    {
        Span<byte> range = _header.AsSpan(RangeBytes + (_ranges * RangeBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(range, (uint)bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(range[4..], (uint)Offset(section));
        if (_ranges == 0) _chainFirst = section;
        else _next[_chainLast] = section;
        _next[section] = -1;
        _chainLast = section;
        _ranges++;
    }

    private ChecksumDone Checksums(in VirtioNetHeader header, in FrameHeaders headers, int[] sections, int bytes, bool coalesced)
    {
        bool missing = (header.Flags & VirtioNetFlags.NeedsChecksum) != 0;
        bool whole = header.Segmentation == VirtioNetSegmentation.None;
        if (missing && (whole || _session.Doubt.Applies())) WriteChecksum(sections, bytes, header.ChecksumStart, header.ChecksumOffset);
        if (!missing && (header.Flags & VirtioNetFlags.DataValid) == 0) return ChecksumDone.None;
        ChecksumDone done = headers.Protocol switch
        {
            FrameHeaders.Tcp when headers.TransportOffset != 0 => ChecksumDone.TcpSucceeded,
            FrameHeaders.Udp when headers.TransportOffset != 0 => ChecksumDone.UdpSucceeded,
            _ => ChecksumDone.None,
        };
        if (coalesced && headers.Version == 4) done |= ChecksumDone.IpSucceeded | ChecksumDone.IpValueInvalid;
        return done;
    }

    // Sections are of even length, so each begins with a whole word of the sum when the first does.
    private void WriteChecksum(int[] sections, int bytes, int start, int offset)
    {
        GuestRegion memory = _buffer!.Memory;
        if (start < FrameHeaders.EthernetBytes || start % sizeof(ushort) != 0) return;
        if (start + offset + sizeof(ushort) > Math.Min(bytes, _layout.FrameBytes)) return;
        if (_whole.Length < _layout.FrameBytes) _whole = new byte[_layout.FrameBytes];
        ulong total = 0;
        for (int i = 0, at = start; at < bytes; i++)
        {
            int skipped = at - (i * _layout.FrameBytes);
            Span<byte> covered = _whole.AsSpan(0, Math.Min(bytes - at, _layout.FrameBytes - skipped));
            _ = memory.TryRead(Offset(sections[i]) + ReceiveLayout.Headroom + skipped, covered);
            total = InternetChecksum.Add(covered, total);
            at += covered.Length;
        }

        ushort sum = InternetChecksum.Finish(total);
        // A UDP checksum of 0 says that there is none; for TCP both forms of zero are equal.
        if (sum == 0) sum = ushort.MaxValue;
        Span<byte> field = _whole.AsSpan(0, sizeof(ushort));
        BinaryPrimitives.WriteUInt16LittleEndian(field, sum);
        _ = memory.TryWrite(Offset(sections[0]) + ReceiveLayout.Headroom + start + offset, field);
    }
}
