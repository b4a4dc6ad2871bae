using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Network;

/// <summary>The receive queue of a pair: the link writes frames into the driver's buffers. One lane.</summary>
/// <remarks>
/// A frame is lent as many buffers as the longest one that may come needs; those it did not fill serve the next. Buffers that are left when the queue
/// stops go back with a length of 0, which drivers count as a short frame. Allocates nothing once it has had as many buffers as it gets.
/// </remarks>
internal sealed class NetReceiver : IQueueWorker
{
    private const int LongestFrameBytes = 65535 + 14 + 4;
    private const int TagBytes = 4;

    // A frame of 64 KiB in buffers of a page's half, which is what Linux posts at its smallest, and then some.
    private const int MaximumBuffers = 64;

    private readonly NetPair _pair;
    private readonly QueueRunner _runner;
    private readonly VlanFilter? _vlans;
    private readonly bool _merges;
    private readonly int _room;
    private readonly Stack<DescriptorChain> _spare = new();
    private readonly LinkedQueue _ready = new();
    private readonly Stack<int> _free = new();
    private readonly List<Loan> _loans = [];
    private long _readyBytes;
    private int _lent;
    private bool _isStarved;
    private bool _isEmpty;
    private bool _isBroken;
    private bool _isStopped;

    public NetReceiver(NetPair pair, QueueRunner runner, NetFeatures features, int maximumFrameBytes, VlanFilter vlans)
    {
        const NetFeatures Unsegmented = NetFeatures.GuestTcp4 | NetFeatures.GuestTcp6 | NetFeatures.GuestUdp4 | NetFeatures.GuestUdp6;
        _pair = pair;
        _runner = runner;
        _merges = (features & NetFeatures.MergeableBuffers) != 0;
        if ((features & NetFeatures.ControlVlan) != 0) _vlans = vlans;
        _room = VirtioNetHeader.Bytes + ((features & Unsegmented) != 0 ? LongestFrameBytes : maximumFrameBytes + TagBytes);
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        if (_isStopped) return QueueTurn.Waiting;
        if (_pair.Link is null)
        {
            // A driver that gives no buffers does not use the pair yet.
            if (_ready.Count == 0 && !TryFetchReady()) return _isBroken ? QueueTurn.Broken : QueueTurn.Empty;
            _pair.StartLink();
        }
        else if (_isStarved && CanServe())
        {
            _isStarved = false;
            _pair.Link.Resume();
        }

        if (_isBroken) return QueueTurn.Broken;
        return _isStarved || _isEmpty ? QueueTurn.Empty : QueueTurn.Waiting;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopped = true;
        if (_pair.Link is not null) _pair.StopLink();
        else if (_lent == 0) GiveUp();
    }

    /// <summary>The link has given everything back.</summary>
    public void LinkStopped()
    {
        _isStarved = false;
        if (_isStopped) GiveUp();
        _runner.Touch();
    }

    public void Touch() => _runner.Touch();

    /// <summary>See <see cref="VmBus.Network.Links.IFrameReceiver.Rent"/>.</summary>
    public FrameBuffer? Rent()
    {
        if (_isStopped || _isBroken) return null;
        Loan loan = _free.TryPop(out int tag) ? _loans[tag] : NewLoan();
        long room = 0;
        while (room < _room && loan.Count < MaximumBuffers && TryTake(loan))
        {
            room += loan.Chains[loan.Count - 1]!.WritableBytes;
            if (!_merges) break;
        }

        // With nothing else lent, this is all the driver has: frames that fit are better than none.
        bool serves = room >= _room || (loan.Count > 0 && (!_merges || _lent == 0));
        if (serves && TryLend(loan))
        {
            _lent++;
            return loan.Frame;
        }

        if (serves) _isBroken = true;
        TakeBack(loan, 0);
        _isStarved = true;
        _runner.Touch();
        return null;
    }

    /// <summary>See <see cref="VmBus.Network.Links.IFrameReceiver.Receive"/>.</summary>
    public void Receive(FrameBuffer frame, int bytes)
    {
        Loan loan = _loans[frame.Tag];
        long left = VirtioNetHeader.Bytes + (long)bytes;
        int used = 0;
        while (left > 0 && used < loan.Count) left -= loan.Chains[used++]!.WritableBytes;
        _lent--;
        if (_vlans is not null && !_vlans.Accepts(frame))
        {
            _pair.CountReceiveDropped();
            TakeBack(loan, 0);
            return;
        }

        if (left > 0 || !TryWriteHeader(loan.Chains[0]!, frame.Header with { BufferCount = (ushort)used }))
        {
            _pair.CountReceiveDropped();
            TakeBack(loan, 0);
            return;
        }

        left = VirtioNetHeader.Bytes + (long)bytes;
        for (int i = 0; i < used; i++)
        {
            DescriptorChain chain = loan.Chains[i]!;
            uint step = (uint)Math.Min(left, chain.WritableBytes);
            left -= step;
            _runner.Complete(chain, step);
        }

        _pair.CountReceived(bytes);
        TakeBack(loan, used);
    }

    /// <summary>See <see cref="VmBus.Network.Links.IFrameReceiver.Return"/>.</summary>
    public void Return(FrameBuffer frame)
    {
        _lent--;
        TakeBack(_loans[frame.Tag], 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pair.ReceiverClosed();
        foreach (Loan loan in _loans) loan.Frame.Dispose();
        _loans.Clear();
    }

    // What comes back of other frames may be enough as well as what the driver adds.
    private bool CanServe()
    {
        while (_readyBytes < (_merges ? _room : 1) && _ready.Count < MaximumBuffers && TryFetchReady())
        {
        }

        return _ready.Count > 0 && (!_merges || _readyBytes >= _room || _lent == 0);
    }

    // A loan keeps its chains from frame to frame: what is not moved costs no write barrier.
    private bool TryTake(Loan loan)
    {
        ref DescriptorChain? place = ref loan.Chains[loan.Count];
        if (_ready.Count > 0)
        {
            if (place is not null) _spare.Push(place);
            place = TakeReady();
        }
        else
        {
            place ??= SpareChain();
            if (!TryFetch(place)) return false;
        }

        loan.Count++;
        return true;
    }

    private bool TryFetchReady()
    {
        DescriptorChain chain = SpareChain();
        if (!TryFetch(chain))
        {
            _spare.Push(chain);
            return false;
        }

        _ready.Enqueue(chain);
        _readyBytes += chain.WritableBytes;
        return true;
    }

    private bool TryFetch(DescriptorChain chain)
    {
        QueueTake take = _runner.Queue.TryTake(chain);
        // Without room for a header a buffer is none.
        if (take == QueueTake.Taken && chain.WritableBytes < VirtioNetHeader.Bytes)
        {
            _runner.Queue.Abandon("a buffer to receive into is too short for a header");
            take = QueueTake.Broken;
        }

        _isEmpty = take == QueueTake.Empty;
        _isBroken |= take == QueueTake.Broken;
        return take == QueueTake.Taken;
    }

    private DescriptorChain SpareChain() => _spare.TryPop(out DescriptorChain? chain) ? chain : new DescriptorChain();

    private bool TryLend(Loan loan)
    {
        IDeviceMemory memory = _runner.Queue.Memory;
        loan.Frame.Clear();
        for (int i = 0; i < loan.Count; i++)
        {
            DescriptorChain chain = loan.Chains[i]!;
            int skip = i == 0 ? VirtioNetHeader.Bytes : 0;
            if (!chain.TryAddWritable(loan.Frame.Data, memory, skip, chain.WritableBytes - skip)) return false;
        }

        return true;
    }

    private bool TryWriteHeader(DescriptorChain chain, in VirtioNetHeader header)
    {
        IDeviceMemory memory = _runner.Queue.Memory;
        Span<byte> place = chain.FindWritable(memory, VirtioNetHeader.Bytes);
        if (!place.IsEmpty)
        {
            header.Write(place);
            return true;
        }

        Span<byte> bytes = stackalloc byte[VirtioNetHeader.Bytes];
        header.Write(bytes);
        return chain.TryWrite(memory, 0, bytes);
    }

    private void TakeBack(Loan loan, int used)
    {
        // In front of the others, in their order: they were taken first.
        for (int i = loan.Count - 1; i >= used; i--)
        {
            DescriptorChain chain = loan.Chains[i]!;
            loan.Chains[i] = null;
            _ready.Prepend(chain);
            _readyBytes += chain.WritableBytes;
        }

        loan.Count = 0;
        _free.Push(loan.Frame.Tag);
    }

    private void GiveUp()
    {
        while (_ready.Count > 0) _runner.Complete(TakeReady(), 0);
    }

    private DescriptorChain TakeReady()
    {
        DescriptorChain chain = _ready.Dequeue();
        _readyBytes -= chain.WritableBytes;
        return chain;
    }

    private Loan NewLoan()
    {
        var loan = new Loan(_loans.Count);
        _loans.Add(loan);
        return loan;
    }

    /// <summary>Buffers that a frame is lent; those behind <see cref="Count"/> are for the next one.</summary>
    private sealed class Loan(int tag)
    {
        public DescriptorChain?[] Chains { get; } = new DescriptorChain?[MaximumBuffers];

        public FrameBuffer Frame { get; } = new(tag, MaximumBuffers * 4);

        public int Count { get; set; }
    }

    /// <summary>A queue that also takes at its front. At most as many as the ring holds.</summary>
    private sealed class LinkedQueue
    {
        private DescriptorChain[] _items = new DescriptorChain[64];
        private int _first;

        public int Count { get; private set; }

        public void Enqueue(DescriptorChain chain)
        {
            Grow();
            _items[(_first + Count++) & (_items.Length - 1)] = chain;
        }

        public void Prepend(DescriptorChain chain)
        {
            Grow();
            _first = (_first - 1) & (_items.Length - 1);
            _items[_first] = chain;
            Count++;
        }

        public DescriptorChain Dequeue()
        {
            DescriptorChain chain = _items[_first];
            _first = (_first + 1) & (_items.Length - 1);
            Count--;
            return chain;
        }

        private void Grow()
        {
            if (Count < _items.Length) return;
            var larger = new DescriptorChain[_items.Length * 2];
            for (int i = 0; i < Count; i++) larger[i] = _items[(_first + i) & (_items.Length - 1)];
            _items = larger;
            _first = 0;
        }
    }
}
