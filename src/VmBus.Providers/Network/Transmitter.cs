using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>Frames from the guest to the link, of one channel: takes messages, hands their frames on, completes each message once. One lane.</summary>
/// <remarks>
/// Every message takes a slot until its completion is in the guest's ring; when slots or frames run out, messages stay in the ring, which
/// never lasts: a link gives every frame back. Allocates nothing once it runs.
/// </remarks>
internal sealed class Transmitter
{
    /// <summary>Packets that the guest may put into one message.</summary>
    public const int MaximumPackets = 8;

    /// <summary>Bytes of a section of the send buffer.</summary>
    public const int SectionBytes = 6144;

    // A message is at most one large packet and the small ones before it.
    private const int MaximumMessageBytes = 128 * 1024;
    private const int MessageCount = 256;
    private const int FrameCount = 320;

    private readonly INetworkChannel _channel;
    private readonly NetworkSession _session;
    private readonly QueueCounters _counters;
    private readonly GuestStream _stream;
    private readonly TransmitFrames _builder;
    private readonly FrameBuffer[] _frames = new FrameBuffer[FrameCount];
    private readonly Message[] _owners = new Message[FrameCount];
    private readonly int[] _freeFrames = new int[FrameCount];
    private readonly FrameBuffer[] _prepared = new FrameBuffer[MaximumPackets];
    private readonly int[] _bytes = new int[FrameCount];
    private readonly List<SharedBuffer> _leaving = [];
    private readonly byte[] _answer = new byte[NvspPacketComplete.Size];
    private int _made;
    private int _freeFrameCount;
    private Message? _freeMessages;
    private Message? _unsentFirst;
    private Message? _unsentLast;
    private SharedBuffer? _buffer;
    private int _inFlight;
    private bool _expecting;
    private bool _stalled;

    public Transmitter(INetworkChannel channel, NetworkSession session, QueueCounters counters)
    {
        _channel = channel;
        _session = session;
        _counters = counters;
        _stream = new GuestStream(channel.Memory);
        _builder = new TransmitFrames(_stream, session.Link.Traits.SendOffloads, session.Doubt);
        for (int i = 0; i < MessageCount; i++) _freeMessages = new Message { Next = _freeMessages };
    }

    /// <summary>Whether the guest still has to be told of messages.</summary>
    public bool HasUnsent => _unsentFirst is not null;

    /// <summary>Whether messages of the guest have not been completed yet.</summary>
    public bool IsOwing => _inFlight != 0 || HasUnsent;

    /// <summary>Takes one message.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="rndis">Its payload.</param>
    /// <param name="queue">Where frames go; null drops them.</param>
    /// <param name="status">What is wrong with it, else Success; it is answered by this class only when it is Success.</param>
    public PacketVerdict Take(in RingPacket packet, in NvspRndisPacket rndis, ILinkQueue? queue, out NvspStatus status)
    {
        status = NvspStatus.Success;
        if (_freeMessages is not { } message || FrameCount - _made + _freeFrameCount < MaximumPackets)
        {
            _stalled = true;
            return PacketVerdict.Busy;
        }

        if (!TryGather(packet, rndis) || !TryPrepare(out int count))
        {
            status = NvspStatus.InvalidRndisPacket;
            return PacketVerdict.Taken;
        }

        _freeMessages = message.Next;
        message.Next = null;
        message.TransactionId = packet.Descriptor.TransactionId;
        message.WantsAnswer = NetworkEndpoint.WantsAnswer(packet.Descriptor);
        message.Outstanding = count;
        if (queue is null)
        {
            _counters.SendDropped += count;
            for (int i = 0; i < count; i++) Free(_prepared[i]);
            Complete(message);
            return PacketVerdict.Taken;
        }

        _inFlight += count;
        Expect(queue.SendsPromptly);
        for (int i = 0; i < count; i++)
        {
            _owners[_prepared[i].Tag] = message;
            queue.Send(_prepared[i]);
        }

        return PacketVerdict.Taken;
    }

    /// <summary>The link gives a frame back.</summary>
    public void Sent(FrameBuffer frame, bool taken)
    {
        if (taken)
        {
            _counters.FramesSent++;
            _counters.BytesSent += _bytes[frame.Tag];
        }
        else
        {
            _counters.SendDropped++;
        }

        Message message = _owners[frame.Tag];
        Free(frame);
        _inFlight--;
        if (--message.Outstanding == 0) Complete(message);
        if (_inFlight > 0) return;
        Expect(false);
        FinishLeaving();
    }

    /// <summary>Sends completions that found the ring full.</summary>
    public void SendUnsent()
    {
        while (_unsentFirst is { } message && TrySend(message))
        {
            _unsentFirst = message.Next;
            if (_unsentFirst is null) _unsentLast = null;
            Recycle(message);
        }
    }

    /// <summary>The session has given up its send buffer: lets go of it when the last frame is back.</summary>
    public void LeaveBuffer()
    {
        if (_buffer is null) return;
        _leaving.Add(_buffer);
        _buffer = null;
        if (_inFlight == 0) FinishLeaving();
    }

    /// <summary>Frees the frames. None is on its way.</summary>
    public void Free()
    {
        for (int i = 0; i < _made; i++) _frames[i].Dispose();
        _made = _freeFrameCount = 0;
    }

    private bool TryGather(in RingPacket packet, in NvspRndisPacket rndis)
    {
        _stream.Clear();
        if (rndis.SectionIndex != NetworkInterface.NoSection)
        {
            if (_buffer is null && !TryEnterBuffer()) return false;
            long offset = (long)rndis.SectionIndex * SectionBytes;
            if (rndis.SectionBytes > SectionBytes || !_buffer!.Memory.Contains(offset, rndis.SectionBytes)) return false;
            _stream.AddSection(_buffer.Memory, offset, (int)rndis.SectionBytes);
        }

        return packet.Descriptor.Type != PacketType.DataUsingGpaDirect || _stream.TryAddRanges(packet.Header, MaximumMessageBytes);
    }

    private bool TryEnterBuffer()
    {
        SharedBuffer? buffer = _session.SendBuffer;
        if (buffer is null || !buffer.TryEnter()) return false;
        _buffer = buffer;
        return true;
    }

    private bool TryPrepare(out int count)
    {
        count = 0;
        Span<byte> bytes = stackalloc byte[RndisPacketHeader.Size];
        int start = 0;
        while (start <= _stream.Bytes - RndisPacketHeader.Size)
        {
            FrameBuffer? frame = count < MaximumPackets ? Rent() : null;
            if (frame is not null) _prepared[count++] = frame;
            if (frame is null || !_stream.TryRead(start, bytes) || !RndisPacketHeader.TryRead(bytes, _stream.Bytes - start, out RndisPacketHeader header)
                || !_builder.TryFill(frame, start, header, _session.MaximumFrameBytes))
            {
                for (int i = 0; i < count; i++) Free(_prepared[i]);
                return false;
            }

            if (_builder.IsLarge) _counters.LargeSends++;
            _bytes[frame.Tag] = (int)header.DataBytes;
            start += (int)header.MessageBytes;
        }

        return count > 0;
    }

    // A frame costs a page of host memory: they are made as they are needed.
    private FrameBuffer Rent()
    {
        if (_freeFrameCount > 0) return _frames[_freeFrames[--_freeFrameCount]];
        return _frames[_made] = new FrameBuffer(_made++, (2 * GuestStream.MaximumPieces) + 1);
    }

    private void Free(FrameBuffer frame)
    {
        frame.Clear();
        _freeFrames[_freeFrameCount++] = frame.Tag;
    }

    private void Complete(Message message)
    {
        if (!message.WantsAnswer || (_unsentFirst is null && TrySend(message)))
        {
            Recycle(message);
            return;
        }

        if (_unsentLast is null) _unsentFirst = message;
        else _unsentLast.Next = message;
        _unsentLast = message;
    }

    private bool TrySend(Message message)
    {
        new NvspPacketComplete(NvspStatus.Success).Write(_answer);
        return _channel.TrySend(PacketType.Completion, default, _answer, message.TransactionId, 0);
    }

    private void Recycle(Message message)
    {
        message.Next = _freeMessages;
        _freeMessages = message;
        // Half of the room, so that not every single message costs a turn.
        if (!_stalled || FrameCount - _made + _freeFrameCount < FrameCount / 2) return;
        _stalled = false;
        _channel.Resume();
    }

    // What comes back at once looks at the ring for what the guest has sent meanwhile, which then needs no signal. A link that waits for its
    // other end must not keep the guest's packets waiting too: they give back the sections that frames from that end need.
    private void Expect(bool frames)
    {
        if (_expecting == frames) return;
        _channel.ExpectsCompletions = _expecting = frames;
    }

    private void FinishLeaving()
    {
        // A guest may have given and revoked several while its frames were on their way.
        foreach (SharedBuffer buffer in _leaving) buffer.Leave();
        _leaving.Clear();
    }

    private sealed class Message
    {
        public ulong TransactionId;
        public bool WantsAnswer;
        public int Outstanding;
        public Message? Next;
    }
}
