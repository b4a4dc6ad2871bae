namespace VmBus.Native.Linux;

/// <summary>Waits for one of a few descriptors. One thread. Source: poll(2).</summary>
public sealed class PollSet
{
    private const short POLLERR_POLLHUP_POLLNVAL = 0x38;
    private const int Capacity = 8;

    private readonly PollEntry[] _entries = new PollEntry[Capacity];
    private int _count;

    /// <summary>Forgets all descriptors.</summary>
    public void Clear() => _count = 0;

    /// <summary>Waits for a descriptor too.</summary>
    /// <param name="descriptor">Which; negative for none.</param>
    /// <param name="read">Whether for something to read.</param>
    /// <param name="write">Whether for room to write. With neither it is not waited for, not even for its end.</param>
    /// <returns>The number by which <see cref="IsReadable"/> and <see cref="IsWritable"/> know it.</returns>
    public int Add(int descriptor, bool read, bool write = false)
    {
        _entries[_count] = new PollEntry
        {
            Descriptor = read || write ? descriptor : -1,
            Events = (short)((read ? Poll.POLLIN : 0) | (write ? Poll.POLLOUT : 0)),
        };
        return _count++;
    }

    /// <summary>Waits until one is ready.</summary>
    /// <param name="limitMs">How long at most; negative for ever.</param>
    /// <returns>False when none is after that time.</returns>
    public bool Wait(int limitMs)
    {
        if (Poll.Wait(_entries.AsSpan(0, _count), limitMs) > 0) return true;
        for (int i = 0; i < _count; i++) _entries[i].Ready = 0;
        return false;
    }

    /// <summary>Whether a read would not wait: there are bytes, or the end, or an error.</summary>
    public bool IsReadable(int number) => IsReady(number, Poll.POLLIN);

    /// <summary>Whether a write would not wait: there is room, or nobody reads any more.</summary>
    public bool IsWritable(int number) => IsReady(number, Poll.POLLOUT);

    private bool IsReady(int number, short wanted)
        => (_entries[number].Events & wanted) != 0 && (_entries[number].Ready & (wanted | POLLERR_POLLHUP_POLLNVAL)) != 0;
}
