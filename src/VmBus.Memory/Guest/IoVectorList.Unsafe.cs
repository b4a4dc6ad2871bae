using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Memory.Guest;

/// <summary>Pieces of guest RAM as the kernel's <c>struct iovec</c> array, in native memory, reused from request to request.</summary>
/// <remarks>
/// A request owns one list; the owner's lane is its only user. Nothing is allocated once the list has reached the size its requests need.
/// The bytes behind it are guest memory: they go to the kernel, or are copied whole, and are never parsed in place. Source: readv(2).
/// </remarks>
public sealed unsafe class IoVectorList : IDisposable
{
    private readonly int _maximum;
    private Entry* _entries;
    private int _capacity;
    private int _first;
    private int _end;

    /// <summary>An empty list.</summary>
    /// <param name="capacity">Entries to make room for now.</param>
    /// <param name="maximum">Entries at most; the kernel takes 1024 in one call (UIO_MAXIOV).</param>
    public IoVectorList(int capacity, int maximum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maximum, capacity);
        _capacity = capacity;
        _maximum = maximum;
        _entries = (Entry*)NativeMemory.Alloc((nuint)capacity, (nuint)sizeof(Entry));
    }

    /// <summary>Frees the array of a list that was never disposed.</summary>
    ~IoVectorList() => Free();

    /// <summary>Entries in use.</summary>
    public int Count => _end - _first;

    /// <summary>Bytes that the entries cover.</summary>
    public long Bytes { get; private set; }

    /// <summary>Address of the first entry, for the kernel.</summary>
    public nint Address => (nint)(_entries + _first);

    /// <summary>Where the first entry's memory begins; 0 when there is none. For kernel and library calls that take one buffer.</summary>
    public nint FirstPieceAddress => Count == 0 ? 0 : _entries[_first].Address;

    /// <summary>Bytes of the first entry; 0 when there is none.</summary>
    public long FirstPieceBytes => Count == 0 ? 0 : _entries[_first].Bytes;

    /// <summary>Where the memory of an entry begins and how long it is. For whoever hands the entries on one by one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such entry.</exception>
    public (nint Address, long Bytes) Piece(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        // SAFETY: the index was checked against the entries in use.
        return (_entries[_first + index].Address, _entries[_first + index].Bytes);
    }

    /// <summary>Forgets all entries.</summary>
    public void Clear()
    {
        _first = _end = 0;
        Bytes = 0;
    }

    /// <summary>Appends a guest range; one that follows the last entry directly extends it.</summary>
    /// <returns>False, with the list unchanged, when a byte is not RAM or the list is at its maximum.</returns>
    public bool TryAdd(GuestMemory memory, Gpa start, int bytes)
    {
        if (bytes <= 0 || !memory.TryGetHostAddress(start, (ulong)bytes, out nint address)) return bytes == 0;
        return TryAppend(address, bytes);
    }

    /// <summary>Appends a range of a device's memory, in as few entries as its pieces allow.</summary>
    /// <returns>False, with the list unchanged, when a byte is no memory or the list is at its maximum.</returns>
    public bool TryAdd(IDeviceMemory memory, Gpa start, long bytes)
    {
        long before = Bytes;
        while (bytes > 0)
        {
            long run = (long)memory.FindRun(start, (ulong)Math.Min(bytes, int.MaxValue), out nint address);
            if (run == 0 || !TryAppend(address, (int)run))
            {
                Truncate(before);
                return false;
            }

            start += (ulong)run;
            bytes -= run;
        }

        return true;
    }

    /// <summary>Appends the start of a buffer of the host's own, which must outlive its use through this list.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="bytes">How much of it.</param>
    /// <returns>False, with the list unchanged, when the list is at its maximum.</returns>
    /// <exception cref="ArgumentOutOfRangeException">More than the buffer holds.</exception>
    public bool TryAdd(BounceBuffer buffer, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, buffer.Bytes);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return bytes == 0 || TryAppend(buffer.Address, bytes);
    }

    /// <summary>Drops <paramref name="bytes"/> from the front: what a short transfer has done already.</summary>
    public void Advance(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes -= bytes;
        // SAFETY: bytes is at most what the entries cover, so the walk ends at _end.
        while (_first < _end && bytes >= _entries[_first].Bytes) bytes -= _entries[_first++].Bytes;
        if (_first == _end) _first = _end = 0;
        if (bytes == 0) return;
        _entries[_first].Address += (nint)bytes;
        _entries[_first].Bytes -= (nint)bytes;
    }

    /// <summary>Drops everything after the first <paramref name="bytes"/>.</summary>
    public void Truncate(long bytes)
    {
        if (bytes >= Bytes) return;
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
        int entry = _first;
        // SAFETY: bytes is less than what the entries cover, so the walk ends before _end.
        while (bytes > 0 && bytes >= _entries[entry].Bytes) bytes -= _entries[entry++].Bytes;
        if (bytes > 0) _entries[entry++].Bytes = (nint)bytes;
        _end = entry;
    }

    /// <summary>Whether every address and length is a multiple of <paramref name="alignment"/>, a power of two: what O_DIRECT asks.</summary>
    public bool IsAligned(int alignment)
    {
        nint bits = 0;
        // SAFETY: only entries in use are read.
        for (int i = _first; i < _end; i++) bits |= _entries[i].Address | _entries[i].Bytes;
        return (bits & (alignment - 1)) == 0;
    }

    /// <summary>Writes host bytes into the guest ranges. The entries stay.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="skip">How far from the ranges' start to begin.</param>
    /// <returns>Bytes copied: the smaller of both lengths.</returns>
    public int CopyFrom(ReadOnlySpan<byte> source, long skip = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        int done = 0;
        // SAFETY: entries were checked against guest RAM when added; copies stay within entry and source.
        for (int i = _first; i < _end && done < source.Length; i++)
        {
            long passed = Math.Min(skip, _entries[i].Bytes);
            skip -= passed;
            int step = (int)Math.Min(_entries[i].Bytes - passed, source.Length - done);
            source.Slice(done, step).CopyTo(new Span<byte>((void*)(_entries[i].Address + (nint)passed), step));
            done += step;
        }

        return done;
    }

    /// <summary>Reads the guest ranges into host memory. The entries stay.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="skip">How far from the ranges' start to begin.</param>
    /// <returns>Bytes copied: the smaller of both lengths.</returns>
    public int CopyTo(Span<byte> destination, long skip = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        int done = 0;
        // SAFETY: entries were checked against guest RAM when added; copies stay within entry and destination.
        for (int i = _first; i < _end && done < destination.Length; i++)
        {
            long passed = Math.Min(skip, _entries[i].Bytes);
            skip -= passed;
            int step = (int)Math.Min(_entries[i].Bytes - passed, destination.Length - done);
            new ReadOnlySpan<byte>((void*)(_entries[i].Address + (nint)passed), step).CopyTo(destination[done..]);
            done += step;
        }

        return done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private bool TryAppend(nint address, int bytes)
    {
        // SAFETY: _first <= _end <= _capacity, so the last entry exists when Count > 0.
        if (_end > _first && _entries[_end - 1].Address + _entries[_end - 1].Bytes == address)
        {
            _entries[_end - 1].Bytes += bytes;
        }
        else
        {
            if (_end == _capacity && !TryGrow()) return false;
            _entries[_end++] = new Entry { Address = address, Bytes = bytes };
        }

        Bytes += bytes;
        return true;
    }

    private bool TryGrow()
    {
        ObjectDisposedException.ThrowIf(_entries is null, this);
        if (_capacity >= _maximum) return false;
        int capacity = Math.Min(_maximum, _capacity * 2);
        // SAFETY: the array is this list's own; no kernel call is using it while entries are being added.
        _entries = (Entry*)NativeMemory.Realloc(_entries, (nuint)capacity * (nuint)sizeof(Entry));
        _capacity = capacity;
        return true;
    }

    private void Free()
    {
        NativeMemory.Free(_entries);
        _entries = null;
        _first = _end = _capacity = 0;
        Bytes = 0;
    }

    // struct iovec: a pointer and a size_t.
    private struct Entry
    {
        public nint Address;
        public nint Bytes;
    }
}
