namespace VmBus.Virtio.Consoles;

/// <summary>Bytes between a lane, which never waits, and a thread, which does. One of each; either end may be either's.</summary>
/// <remarks>Fixed in size. Allocates nothing.</remarks>
internal sealed class ByteRing(int capacity)
{
    private readonly object _gate = new();
    private readonly byte[] _bytes = new byte[capacity];
    private int _first;
    private int _count;
    private bool _isOver;

    /// <summary>Bytes that it holds.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _count;
        }
    }

    /// <summary>Adds from the front of <paramref name="bytes"/> what there is room for.</summary>
    /// <returns>How many.</returns>
    public int Add(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            int taken = Math.Min(bytes.Length, _bytes.Length - _count);
            int end = (_first + _count) % _bytes.Length;
            int step = Math.Min(taken, _bytes.Length - end);
            bytes[..step].CopyTo(_bytes.AsSpan(end));
            bytes[step..taken].CopyTo(_bytes);
            _count += taken;
            Monitor.PulseAll(_gate);
            return taken;
        }
    }

    /// <summary>Takes the oldest bytes out, as many as there are and fit.</summary>
    /// <returns>How many.</returns>
    public int Take(Span<byte> target)
    {
        lock (_gate)
        {
            int taken = Math.Min(target.Length, _count);
            int step = Math.Min(taken, _bytes.Length - _first);
            _bytes.AsSpan(_first, step).CopyTo(target);
            _bytes.AsSpan(0, taken - step).CopyTo(target[step..]);
            _first = (_first + taken) % _bytes.Length;
            _count -= taken;
            Monitor.PulseAll(_gate);
            return taken;
        }
    }

    /// <summary>Waits until there is room.</summary>
    /// <returns>False at the end.</returns>
    public bool WaitForRoom()
    {
        lock (_gate)
        {
            while (_count == _bytes.Length && !_isOver) Monitor.Wait(_gate);
            return !_isOver;
        }
    }

    /// <summary>Waits until it holds something.</summary>
    /// <returns>False at the end, when there is nothing left.</returns>
    public bool WaitForBytes()
    {
        lock (_gate)
        {
            while (_count == 0 && !_isOver) Monitor.Wait(_gate);
            return _count > 0;
        }
    }

    /// <summary>Forgets what it holds.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _count = 0;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends every wait.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }
    }
}
