using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;

namespace VmBus.Network.Tests.Host;

/// <summary>Sends frames from one link to another as fast as they are taken, and counts what the lane allocates meanwhile.</summary>
internal sealed class Pump : IFrameReceiver, IDisposable
{
    private const int SlotBytes = 4096;
    private const int SendSlots = 32;
    private const int ReceiveSlots = 128;

    private readonly GuestMemory _memory = GuestMemory.Create((SendSlots + ReceiveSlots) * SlotBytes);
    private readonly Lane _lane = Lane.Start("pump", NullLogger.Instance);
    private readonly FrameBuffer[] _sending = new FrameBuffer[SendSlots];
    private readonly Stack<FrameBuffer> _free = new(ReceiveSlots);
    private readonly ManualResetEventSlim _done = new();
    private readonly Receiver _receiver;
    private readonly Action _start;
    private ILinkQueue? _from;
    private ILinkQueue? _to;
    private long _left;
    private int _idle;
    private long _before;
    private long _allocated;
    private long _received;

    internal Pump(ILink from, ILink to)
    {
        _receiver = new Receiver(this);
        byte[] frame = Packets.Plain(Packets.Mac(2), Packets.Mac(1), 7, 1500);
        for (int i = 0; i < SendSlots + ReceiveSlots; i++)
        {
            var buffer = new FrameBuffer(i, 1);
            buffer.TryAdd(_memory, new Gpa((ulong)(i * SlotBytes)), i < SendSlots ? frame.Length : SlotBytes);
            if (i < SendSlots) buffer.CopyFrom(frame);
            if (i < SendSlots) _sending[i] = buffer;
            else _free.Push(buffer);
        }

        _start = Start;
        _lane.Invoke(() =>
        {
            _from = from.OpenQueue(_lane, this);
            _to = to.OpenQueue(_lane, _receiver);
        });
    }

    /// <summary>Sends frames until they are taken.</summary>
    /// <returns>Bytes that the lane has allocated meanwhile.</returns>
    internal long Run(long frames)
    {
        _done.Reset();
        _left = frames;
        _lane.Post(_start);
        if (!_done.Wait(TimeSpan.FromSeconds(60))) throw new TimeoutException("The frames were not taken.");
        return _allocated;
    }

    internal long Received => _received;

    void IFrameReceiver.Sent(FrameBuffer frame, bool taken)
    {
        if (_left-- > 0)
        {
            _from!.Send(frame);
            return;
        }

        if (++_idle < SendSlots) return;
        _allocated = GC.GetAllocatedBytesForCurrentThread() - _before;
        _done.Set();
    }

    FrameBuffer? IFrameReceiver.Rent() => null;

    void IFrameReceiver.Receive(FrameBuffer frame, int bytes) => throw new InvalidOperationException("Nothing was lent.");

    void IFrameReceiver.Return(FrameBuffer frame) => throw new InvalidOperationException("Nothing was lent.");

    void IFrameReceiver.EndBatch()
    {
    }

    void IFrameReceiver.Stopped()
    {
    }

    public void Dispose()
    {
        _lane.Invoke(() =>
        {
            _from!.Stop();
            _to!.Stop();
        });
        // Nothing is under way: both stop in the next turn.
        _lane.Invoke(() => { });
        _lane.Invoke(() => { });
        _lane.Invoke(() =>
        {
            _from!.Dispose();
            _to!.Dispose();
        });
        _lane.Dispose();
        Array.ForEach(_sending, buffer => buffer.Dispose());
        foreach (FrameBuffer buffer in _free) buffer.Dispose();
        _memory.Dispose();
        _done.Dispose();
    }

    private void Start()
    {
        _idle = 0;
        _before = GC.GetAllocatedBytesForCurrentThread();
        foreach (FrameBuffer buffer in _sending) _from!.Send(buffer);
    }

    private sealed class Receiver(Pump pump) : IFrameReceiver
    {
        private bool _starved;

        public FrameBuffer? Rent()
        {
            if (pump._free.TryPop(out FrameBuffer? buffer)) return buffer;
            _starved = true;
            return null;
        }

        public void Receive(FrameBuffer frame, int bytes)
        {
            pump._received++;
            Return(frame);
        }

        public void Return(FrameBuffer frame)
        {
            pump._free.Push(frame);
            if (!_starved) return;
            _starved = false;
            pump._to!.Resume();
        }

        public void Sent(FrameBuffer frame, bool taken)
        {
        }

        public void EndBatch()
        {
        }

        public void Stopped()
        {
        }
    }
}
