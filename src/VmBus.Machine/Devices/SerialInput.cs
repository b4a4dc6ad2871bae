namespace VmBus.Machine.Devices;

/// <summary>The bytes on their way from the host to a serial port: a bounded queue that never overruns the guest. Any thread.</summary>
internal sealed class SerialInput
{
    /// <summary>Queue length: one paste of a terminal's screen. A writer with more waits for the guest.</summary>
    internal const int CapacityBytes = 4096;

    private readonly object _gate = new();
    private readonly byte[] _queue = new byte[CapacityBytes];
    private int _first;
    private int _count;
    private bool _writerWaits;

    /// <summary>Takes bytes from the front of <paramref name="bytes"/> while there is room, and says how many.</summary>
    internal int Add(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            int taken = Math.Min(bytes.Length, CapacityBytes - _count);
            for (int i = 0; i < taken; i++) _queue[(_first + _count + i) % CapacityBytes] = bytes[i];
            _count += taken;
            _writerWaits = taken < bytes.Length;
            return taken;
        }
    }

    /// <summary>Takes the oldest byte out. False when there is none.</summary>
    internal bool TryTake(out byte value)
    {
        lock (_gate)
        {
            value = _count == 0 ? (byte)0 : _queue[_first];
            if (_count == 0) return false;
            _first = (_first + 1) % CapacityBytes;
            _count--;
            // Half a queue of room per wake-up.
            if (_writerWaits && _count <= CapacityBytes / 2)
            {
                _writerWaits = false;
                Monitor.PulseAll(_gate);
            }

            return true;
        }
    }

    /// <summary>Blocks until half the queue is free after an <see cref="Add"/> that left bytes over.</summary>
    internal void WaitForRoom(CancellationToken cancellation)
    {
        using CancellationTokenRegistration wake = cancellation.Register(Wake);
        lock (_gate)
        {
            while (_writerWaits)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
        }
    }

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }
}
