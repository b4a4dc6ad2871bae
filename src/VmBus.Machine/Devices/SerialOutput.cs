namespace VmBus.Machine.Devices;

/// <summary>The bytes on their way from a serial port to its sink: a bounded queue and the thread that empties it.</summary>
/// <remarks>
/// The vCPU never waits for the sink. Above <see cref="BusyBytes"/> the port tells the guest to wait (<see cref="IsBusy"/>), which drivers do;
/// what a guest sends in spite of that is still kept up to <see cref="LimitBytes"/> and only then dropped, so that memory stays bounded.
/// After a batch the thread looks again one millisecond later before it sleeps, so a burst costs one wake-up and not one per byte.
/// </remarks>
internal sealed class SerialOutput : IDisposable
{
    /// <summary>Queue length at which the transmitter reads as busy: a screenful or two, so a paused terminal soon pauses the guest.</summary>
    internal const int BusyBytes = 64 * 1024;

    /// <summary>Queue length that is never exceeded: Linux' polled console ignores a busy transmitter after 10 ms per byte.</summary>
    internal const int LimitBytes = 1024 * 1024;

    private const int BatchBytes = 4096;
    private const int LingerMs = 1;
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(2);

    private readonly object _gate = new();
    private readonly ISerialSink _sink;
    private readonly Action _roomAvailable;
    private readonly Thread _thread;
    private byte[] _queue = new byte[BatchBytes];
    private int _first;
    private int _count;
    private bool _parked;
    private bool _stopping;
    private bool _sinkGone;
    private bool _wasBusy;

    internal SerialOutput(string name, ISerialSink sink, Action roomAvailable)
    {
        _sink = sink;
        _roomAvailable = roomAvailable;
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Bytes that the guest sent to a busy transmitter beyond <see cref="LimitBytes"/>, or to a sink that is gone.</summary>
    internal long DroppedBytes { get; private set; }

    /// <summary>Whether the guest is to wait; <c>roomAvailable</c> is called when that ends.</summary>
    internal bool IsBusy
    {
        get
        {
            lock (_gate) return _wasBusy;
        }
    }

    /// <summary>Queues one byte. Never blocks on the sink.</summary>
    internal void Send(byte value)
    {
        lock (_gate)
        {
            if (_sinkGone || _stopping || (_count == _queue.Length && !TryGrow()))
            {
                DroppedBytes++;
                return;
            }

            _queue[(_first + _count) & (_queue.Length - 1)] = value;
            _count++;
            if (_count >= BusyBytes) _wasBusy = true;
            if (_parked || _count == BatchBytes) Monitor.Pulse(_gate);
        }
    }

    /// <summary>Gives the sink a bounded time to take what is queued, then stops the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopping) return;
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        // A sink that blocks for ever keeps its background thread; the process ends all the same.
        _thread.Join(DrainTimeout);
    }

    private void Run()
    {
        byte[] batch = new byte[BatchBytes];
        while (true)
        {
            int bytes = Take(batch, out bool roomAgain);
            if (roomAgain) _roomAvailable();
            if (bytes == 0) return;
            try
            {
                _sink.Write(batch.AsSpan(0, bytes));
            }
            catch (IOException)
            {
                Abandon(bytes);
                return;
            }
        }
    }

    // Waits for bytes and moves at most one batch out of the queue. Returns 0 when the port is closed and the queue empty.
    private int Take(byte[] batch, out bool roomAgain)
    {
        lock (_gate)
        {
            if (_count == 0 && !_stopping) Monitor.Wait(_gate, LingerMs);
            _parked = true;
            while (_count == 0 && !_stopping) Monitor.Wait(_gate);
            _parked = false;
            int bytes = Math.Min(_count, batch.Length);
            int tail = Math.Min(bytes, _queue.Length - _first);
            _queue.AsSpan(_first, tail).CopyTo(batch);
            _queue.AsSpan(0, bytes - tail).CopyTo(batch.AsSpan(tail));
            _first = (_first + bytes) & (_queue.Length - 1);
            _count -= bytes;
            roomAgain = _wasBusy && _count < BusyBytes / 2;
            if (roomAgain) _wasBusy = false;
            return bytes;
        }
    }

    private void Abandon(int bytes)
    {
        bool roomAgain;
        lock (_gate)
        {
            _sinkGone = true;
            DroppedBytes += _count + bytes;
            _count = 0;
            roomAgain = _wasBusy;
            _wasBusy = false;
        }

        if (roomAgain) _roomAvailable();
    }

    private bool TryGrow()
    {
        if (_queue.Length >= LimitBytes) return false;
        byte[] larger = new byte[_queue.Length * 2];
        _queue.AsSpan(_first).CopyTo(larger);
        _queue.AsSpan(0, _first).CopyTo(larger.AsSpan(_queue.Length - _first));
        _queue = larger;
        _first = 0;
        return true;
    }
}
