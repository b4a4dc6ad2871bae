using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using Xunit;

namespace VmBus.Network.Tests.Host;

/// <summary>A received frame: its header and a copy of its bytes.</summary>
internal sealed record Received(VirtioNetHeader Header, byte[] Bytes);

/// <summary>The adapter's side of one queue: buffers in guest memory of its own, on a lane of its own. Test threads talk to it.</summary>
internal sealed class Adapter : IFrameReceiver, IDisposable
{
    internal const int SlotBytes = 80 * 1024;
    private const int SendSlots = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Lane _lane;
    private readonly GuestMemory _memory;
    private readonly Stack<FrameBuffer> _free = new();
    private readonly Stack<FrameBuffer> _freeToSend = new();
    private readonly List<FrameBuffer> _held = [];
    private readonly List<FrameBuffer> _all = [];
    private readonly List<Received> _frames = [];
    private readonly int _slots;
    private readonly object _gate = new();
    private ILinkQueue? _queue;
    private bool _stopped;
    private bool _starved;

    internal Adapter(ILink link, int slots = 16, LaneEngineKind engine = LaneEngineKind.Automatic, int roomBytes = SlotBytes - 4096, bool starved = false)
    {
        _slots = slots;
        _memory = GuestMemory.Create((ulong)((slots + SendSlots) * SlotBytes));
        for (int i = 0; i < slots; i++)
        {
            var buffer = new FrameBuffer(i, 2);
            // Two pieces with a gap, as a guest's memory is.
            Assert.True(buffer.TryAdd(_memory, SlotStart(i), 1000));
            Assert.True(buffer.TryAdd(_memory, SlotStart(i) + 2048, roomBytes - 1000));
            if (starved) _held.Add(buffer);
            else _free.Push(buffer);
            _all.Add(buffer);
        }

        for (int i = slots; i < slots + SendSlots; i++)
        {
            var buffer = new FrameBuffer(i, 2);
            _freeToSend.Push(buffer);
            _all.Add(buffer);
        }

        _lane = Lane.Start("test-lane", NullLogger.Instance, new LaneOptions { Engine = engine });
        _lane.Invoke(() => _queue = link.OpenQueue(_lane, this));
    }

    internal bool IsOpen => _queue is not null;

    internal Lane Lane => _lane;

    internal ILinkQueue Queue => _queue!;

    internal int Taken { get; private set; }

    internal int NotTaken { get; private set; }

    internal LinkQueueCounters Counters
    {
        get
        {
            LinkQueueCounters counters = default;
            _lane.Invoke(() => counters = _queue!.Counters);
            return counters;
        }
    }

    /// <summary>Sends a frame and waits until the link has done with it.</summary>
    /// <returns>Whether the link took it.</returns>
    internal bool Send(byte[] frame, VirtioNetHeader header = default)
    {
        bool? taken = null;
        int before = 0;
        lock (_gate) before = Taken + NotTaken;
        int takenBefore = Taken;
        _lane.Invoke(() =>
        {
            FrameBuffer buffer = _freeToSend.Pop();
            Gpa start = SlotStart(buffer.Tag);
            Assert.True(_memory.TryWrite(start, frame.AsSpan(0, Math.Min(10, frame.Length))));
            Assert.True(_memory.TryWrite(start + 2048, frame.AsSpan(Math.Min(10, frame.Length))));
            buffer.Clear();
            Assert.True(buffer.TryAdd(_memory, start, Math.Min(10, frame.Length)));
            if (frame.Length > 10) Assert.True(buffer.TryAdd(_memory, start + 2048, frame.Length - 10));
            buffer.Header = header;
            _queue!.Send(buffer);
        });
        Wait(() => Taken + NotTaken > before);
        lock (_gate) taken = Taken > takenBefore;
        return taken.Value;
    }

    /// <summary>Waits for the first frame that fits, and takes it and those before it out.</summary>
    internal Received Take(Func<Received, bool> fits)
    {
        Received? found = null;
        Wait(() =>
        {
            int index = _frames.FindIndex(frame => fits(frame));
            if (index < 0) return false;
            found = _frames[index];
            _frames.RemoveRange(0, index + 1);
            return true;
        });
        return found!;
    }

    internal List<Received> Frames
    {
        get
        {
            lock (_gate) return [.. _frames];
        }
    }

    internal void Wait(Func<bool> condition)
    {
        lock (_gate)
        {
            while (!condition()) Assert.True(Monitor.Wait(_gate, Limit), "Nothing came in time.");
        }
    }

    /// <summary>Lends the buffers that were held back.</summary>
    internal void Feed() => _lane.Invoke(() =>
    {
        _held.ForEach(_free.Push);
        _held.Clear();
        _queue!.Resume();
    });

    /// <summary>All memory that frames are received into.</summary>
    internal byte[] ReceiveMemory()
    {
        byte[] copy = new byte[_slots * SlotBytes];
        _memory.TryRead(new Gpa(0), copy);
        return copy;
    }

    FrameBuffer? IFrameReceiver.Rent()
    {
        if (_free.TryPop(out FrameBuffer? buffer)) return buffer;
        _starved = true;
        return null;
    }

    void IFrameReceiver.Receive(FrameBuffer frame, int bytes)
    {
        byte[] copy = new byte[bytes];
        frame.CopyTo(copy);
        Free(frame);
        lock (_gate) _frames.Add(new Received(frame.Header, copy));
    }

    void IFrameReceiver.Return(FrameBuffer frame) => Free(frame);

    void IFrameReceiver.Sent(FrameBuffer frame, bool taken)
    {
        _freeToSend.Push(frame);
        lock (_gate)
        {
            if (taken) Taken++;
            else NotTaken++;
            Monitor.PulseAll(_gate);
        }
    }

    void IFrameReceiver.EndBatch()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }

    void IFrameReceiver.Stopped()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
    }

    public void Dispose()
    {
        if (_queue is not null)
        {
            _lane.Invoke(_queue.Stop);
            Wait(() => _stopped);
            // Every buffer has come back.
            Assert.Equal(_all.Count, _free.Count + _freeToSend.Count + _held.Count);
            _lane.Invoke(_queue.Dispose);
        }

        _lane.Dispose();
        _all.ForEach(buffer => buffer.Dispose());
        _memory.Dispose();
    }

    private void Free(FrameBuffer frame)
    {
        _free.Push(frame);
        if (!_starved) return;
        _starved = false;
        _queue?.Resume();
    }

    private static Gpa SlotStart(int slot) => new((ulong)(slot * SlotBytes));
}
