using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>A receive and a send queue of a network back-end, for one connection to it. The back-end has their buffers, and nothing else of this process.</summary>
/// <remarks>One lane at a time. Allocates nothing after its making.</remarks>
internal sealed class RemotePair : IDisposable
{
    private const int EthernetBytes = 14;

    private readonly int _index;
    private readonly MemoryFile _file;
    private readonly MemoryMapping _mapping;
    private readonly EventFd _sendCall = EventFd.Create();
    private readonly BufferRing _receive;
    private readonly BufferRing _send;
    // Buffers of the send queue: those that are free, and of those under way the next one of their chain.
    private readonly ushort[] _free = new ushort[BufferRing.Size];
    private readonly ushort[] _next = new ushort[BufferRing.Size];
    private readonly ushort[] _length = new ushort[BufferRing.Size];
    private int _freeCount;

    /// <summary>Queues with every receive buffer offered.</summary>
    /// <param name="index">Which pair of the device's.</param>
    /// <param name="eventIndex">Whether both sides say when they want a signal.</param>
    public RemotePair(int index, bool eventIndex)
    {
        _index = index;
        _file = MemoryFile.Create("vmbus-frames", Bytes);
        _mapping = MemoryMapping.MapDevice(_file, 0, Bytes);
        _receive = Ring(0, eventIndex);
        _send = Ring(BufferRing.Bytes, eventIndex);
        for (int id = 0; id < BufferRing.Size; id++)
        {
            _receive.Describe(id, BufferRing.BufferBytes, DescriptorFlags.Write, 0);
            _receive.Offer(id);
            _free[_freeCount++] = (ushort)(BufferRing.Size - 1 - id);
        }

        _ = _receive.Publish();
        _ = _receive.AskForCall();
        _send.AskForNoCall();
    }

    /// <summary>Signalled for the back-end when frames were sent.</summary>
    public EventFd SendKick { get; } = EventFd.Create();

    /// <summary>Signalled for the back-end when there are receive buffers again.</summary>
    public EventFd ReceiveKick { get; } = EventFd.Create();

    /// <summary>Signalled by the back-end when frames have come.</summary>
    public EventFd Call { get; } = EventFd.Create();

    /// <summary>The memory, as the back-end is told of it.</summary>
    public VhostUserRegion Region => new((ulong)_mapping.Address, (ulong)Bytes, (ulong)_mapping.Address, 0);

    /// <summary>The file of <see cref="Region"/>.</summary>
    public MemoryFile File => _file;

    /// <summary>The receive queue, as the back-end is told of it.</summary>
    public RemoteQueue ReceiveQueue => Describe(2 * _index, _receive, ReceiveKick, Call);

    /// <summary>The send queue, as the back-end is told of it.</summary>
    public RemoteQueue SendQueue => Describe((2 * _index) + 1, _send, SendKick, _sendCall);

    private static int Bytes => 2 * BufferRing.Bytes;

    /// <summary>Copies a frame with its header into the send queue, for the next <see cref="Kick"/>.</summary>
    /// <returns>False when it has no room: the back-end is slow.</returns>
    public bool TrySend(FrameBuffer frame)
    {
        int bytes = (int)frame.Data.Bytes;
        int count = (bytes + BufferRing.BufferBytes - 1) / BufferRing.BufferBytes;
        if (_freeCount < count) Reclaim();
        if (_freeCount < count) return false;
        int head = _free[_freeCount - 1];
        _length[head] = (ushort)count;
        for (int done = 0; done < bytes;)
        {
            int id = _free[--_freeCount];
            int part = frame.Data.CopyTo(_send.Buffer(id)[..Math.Min(bytes - done, BufferRing.BufferBytes)], done);
            done += part;
            int next = done < bytes ? _free[_freeCount - 1] : 0;
            _next[id] = (ushort)next;
            _send.Describe(id, part, done < bytes ? DescriptorFlags.Next : DescriptorFlags.None, next);
        }

        _send.Offer(head);
        return true;
    }

    /// <summary>Tells the back-end of what was sent and of buffers that are free again, if it wants to be told.</summary>
    public void Kick()
    {
        if (_send.Publish()) SendKick.Signal();
        if (_receive.Publish()) ReceiveKick.Signal();
    }

    /// <summary>Looks at the next frame that has come.</summary>
    /// <param name="frame">Its parts, valid until it is taken.</param>
    /// <returns>False when there is none, or <see cref="IsBroken"/>.</returns>
    public bool TryPeek(out RemoteFrame frame)
    {
        frame = default;
        int used = _receive.UsedCount();
        if (used == 0 || IsBroken) return false;
        IsBroken = used > BufferRing.Size || !TryRead(used, out frame);
        return !IsBroken;
    }

    /// <summary>Whether the back-end has broken a rule of the receive queue: nothing more comes from it.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Copies a frame into a buffer that has room for it, and sets its header.</summary>
    public void CopyTo(in RemoteFrame frame, FrameBuffer target)
    {
        // The back-end was not told that its driver takes unfinished frames: nothing of its header is of use.
        target.Header = default;
        long at = VirtioNetHeader.Bytes;
        int left = frame.Bytes;
        for (int i = 0; i < frame.Buffers && left > 0; i++)
        {
            int skip = i == 0 ? VirtioNetHeader.Bytes : 0;
            int part = Math.Clamp(PartBytes(i) - skip, 0, left);
            target.Data.CopyFrom(_receive.Buffer(Id(i)).Slice(skip, part), at);
            at += part;
            left -= part;
        }
    }

    /// <summary>Gives the buffers of a frame back to the queue.</summary>
    public void Take(in RemoteFrame frame)
    {
        for (int i = 0; i < frame.Buffers; i++) _receive.Offer(Id(i));
        _receive.Take(frame.Buffers);
    }

    /// <summary>Gives back what has come while nobody read, which is old.</summary>
    public void DropReceived()
    {
        for (int left = BufferRing.Size; left > 0 && TryPeek(out RemoteFrame frame); left--) Take(frame);
    }

    /// <summary>Asks to be told of the next frame.</summary>
    /// <returns>False when there is one already.</returns>
    public bool AskForCall() => IsBroken || _receive.AskForCall();

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        _file.Dispose();
        SendKick.Dispose();
        ReceiveKick.Dispose();
        Call.Dispose();
        _sendCall.Dispose();
    }

    private static RemoteQueue Describe(int index, BufferRing ring, EventFd kick, EventFd call)
        => new(index, BufferRing.Size, 0, ring.Descriptors, ring.Available, ring.Used, kick, call);

    private BufferRing Ring(int at, bool eventIndex) => new(new QueueArea(_mapping.Address + at, BufferRing.Bytes), _mapping.Address + at, eventIndex);

    // The identifier of each buffer is checked when the frame is looked at, and masked whenever it is read again.
    private int Id(int index) => (int)_receive.UsedAtIndex(index).Head & (BufferRing.Size - 1);

    private int PartBytes(int index) => (int)Math.Min(_receive.UsedAtIndex(index).Bytes, BufferRing.BufferBytes);

    private bool TryRead(int used, out RemoteFrame frame)
    {
        frame = default;
        (uint first, uint firstBytes) = _receive.UsedAtIndex(0);
        if (first >= BufferRing.Size || firstBytes is < VirtioNetHeader.Bytes + EthernetBytes or > BufferRing.BufferBytes) return false;
        Span<byte> head = stackalloc byte[VirtioNetHeader.Bytes + MacAddress.Bytes];
        _receive.Buffer((int)first)[..head.Length].CopyTo(head);
        int buffers = Math.Max((ushort)1, VirtioNetHeader.Read(head).BufferCount);
        // All buffers of a frame are used together (virtio 1.3, 5.1.6.4.2).
        if (buffers > used) return false;
        int bytes = -VirtioNetHeader.Bytes;
        for (int i = 0; i < buffers; i++)
        {
            (uint id, uint part) = _receive.UsedAtIndex(i);
            if (id >= BufferRing.Size || part > BufferRing.BufferBytes) return false;
            bytes += (int)part;
        }

        frame = new RemoteFrame(buffers, bytes, MacAddress.Read(head[VirtioNetHeader.Bytes..]));
        return true;
    }

    private void Reclaim()
    {
        int used = Math.Min(_send.UsedCount(), BufferRing.Size);
        for (int i = 0; i < used; i++)
        {
            uint head = _send.UsedAtIndex(i).Head;
            // One that is not under way was given back twice: whatever the back-end means, nothing is free by it.
            if (head >= BufferRing.Size || _length[head] == 0) continue;
            int id = (int)head;
            for (int left = _length[head]; left > 0 && _freeCount < BufferRing.Size; left--)
            {
                _free[_freeCount++] = (ushort)id;
                id = _next[id];
            }

            _length[head] = 0;
        }

        _send.Take(used);
        _send.AskForNoCall();
    }
}

/// <summary>A frame in receive buffers.</summary>
/// <param name="Buffers">How many, from the oldest.</param>
/// <param name="Bytes">Length of the frame without its header.</param>
/// <param name="Destination">Where it goes.</param>
internal readonly record struct RemoteFrame(int Buffers, int Bytes, MacAddress Destination);
