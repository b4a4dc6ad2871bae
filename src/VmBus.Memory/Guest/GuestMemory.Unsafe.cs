using VmBus.Native.Linux;

namespace VmBus.Memory.Guest;

/// <summary>The RAM of one partition: one memory file, mapped once, seen by the guest below and above the hole under 4 GiB.</summary>
/// <remarks>
/// Guest bytes are hostile and change at any time: readers copy once and use the copy. Every method may be called from any thread.
/// Source: protocol-spec/machine.md#memory.
/// </remarks>
public sealed class GuestMemory : IDeviceMemory, IDisposable
{
    /// <summary>Where RAM below 4 GiB ends at most: room for device registers and interrupt controllers above it.</summary>
    public const ulong LowMemoryEnd = 0xC000_0000;

    /// <summary>Where RAM that does not fit below the hole goes on.</summary>
    public const ulong HighMemoryStart = 0x1_0000_0000;

    // Guests take memory that is added in blocks, whose size grows with their RAM up to this.
    private const ulong GrowthAlignment = 2UL << 30;

    private readonly MemoryMapping _mapping;
    private readonly ulong _lowBytes;
    private readonly ulong _highBytes;
    private ulong _addedBytes;

    private GuestMemory(MemoryFile file, MemoryMapping mapping, ulong growthBytes = 0)
    {
        File = file;
        _mapping = mapping;
        GrowthBytes = growthBytes;
        Bytes = (ulong)file.Bytes - growthBytes;
        _lowBytes = Math.Min(Bytes, LowMemoryEnd);
        _highBytes = Bytes - _lowBytes;
        var low = new MemoryRegion(new Gpa(0), _lowBytes, 0, mapping.Address);
        Regions = _highBytes == 0
            ? [low]
            : [low, new MemoryRegion(new Gpa(HighMemoryStart), _highBytes, (long)_lowBytes, mapping.Address + (nint)_lowBytes)];
        GrowthStart = new Gpa((HighMemoryStart + _highBytes + GrowthAlignment - 1) / GrowthAlignment * GrowthAlignment);
    }

    /// <summary>The memory file behind the RAM, for sharing with the kernel and with other processes.</summary>
    public MemoryFile File { get; }

    /// <summary>RAM in bytes, without what was added.</summary>
    public ulong Bytes { get; }

    /// <summary>Where RAM that is added begins.</summary>
    public Gpa GrowthStart { get; }

    /// <summary>Bytes that can be added.</summary>
    public ulong GrowthBytes { get; }

    /// <summary>Bytes that have been added.</summary>
    public ulong AddedBytes => Volatile.Read(ref _addedBytes);

    /// <summary>The one or two runs of RAM in guest address order, without what was added.</summary>
    public IReadOnlyList<MemoryRegion> Regions { get; }

    /// <summary>Creates zero-filled RAM.</summary>
    /// <param name="bytes">Size, a positive multiple of the page size.</param>
    /// <param name="growthBytes">Room for <see cref="TryAdd"/>, a multiple of the page size; it costs nothing before.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or not a multiple of 4096.</exception>
    /// <exception cref="LinuxException">The host cannot provide the file or the mapping.</exception>
    public static GuestMemory Create(ulong bytes, ulong growthBytes = 0)
    {
        if (bytes == 0 || bytes % Gpa.PageBytes != 0 || bytes > long.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "Guest memory is a positive multiple of 4096 bytes.");
        if (growthBytes % Gpa.PageBytes != 0 || growthBytes > long.MaxValue - bytes)
            throw new ArgumentOutOfRangeException(nameof(growthBytes), growthBytes, "Guest memory grows by a multiple of 4096 bytes.");
        long total = (long)(bytes + growthBytes);
        MemoryFile file = MemoryFile.CreateWithHugePages("vmbus-guest-ram", total);
        try
        {
            return new GuestMemory(file, MemoryMapping.MapWithHugePages(file, total), growthBytes);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Maps RAM that another process has made and shares; the file is this object's from here on.</summary>
    /// <exception cref="ArgumentException">The size is not a multiple of 4096.</exception>
    /// <exception cref="LinuxException">The host cannot map it.</exception>
    public static GuestMemory Attach(MemoryFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.Bytes % Gpa.PageBytes != 0) throw new ArgumentException("Guest memory is a multiple of 4096 bytes.", nameof(file));
        return new GuestMemory(file, MemoryMapping.MapWithHugePages(file, file.Bytes));
    }

    /// <summary>Whether every byte of a range is RAM, in one run.</summary>
    public bool Contains(Gpa start, ulong bytes) => TryGetOffset(start, bytes, out _);

    /// <summary>The address in this process of a guest range, for the kernel and for the accessors of this project.</summary>
    /// <returns>False when any byte is not RAM or the range crosses the hole.</returns>
    public bool TryGetHostAddress(Gpa start, ulong bytes, out nint address)
    {
        bool found = TryGetOffset(start, bytes, out ulong offset);
        address = found ? _mapping.Address + (nint)offset : 0;
        return found;
    }

    /// <inheritdoc/>
    public ulong FindRun(Gpa start, ulong bytes, out nint address)
    {
        if (TryGetHostAddress(start, bytes, out address)) return bytes;
        // Rare: the range crosses the end of a run, or is no memory.
        ulong left = LeftInRun(start);
        address = left == 0 ? 0 : _mapping.Address + (TryGetOffset(start, 1, out ulong offset) ? (nint)offset : 0);
        return Math.Min(left, bytes);
    }

    /// <summary>The offset in <see cref="File"/> of a guest range.</summary>
    /// <returns>False when any byte is not RAM or the range crosses the hole.</returns>
    public bool TryGetFileOffset(Gpa start, ulong bytes, out long offset)
    {
        bool found = TryGetOffset(start, bytes, out ulong position);
        offset = (long)position;
        return found;
    }

    /// <summary>Copies guest bytes out. False, with <paramref name="destination"/> untouched, when any byte is not RAM.</summary>
    public unsafe bool TryRead(Gpa start, Span<byte> destination)
    {
        if (!TryGetHostAddress(start, (ulong)destination.Length, out nint address)) return false;
        // SAFETY: the range was checked against the mapping, which lives as long as this object.
        new ReadOnlySpan<byte>((void*)address, destination.Length).CopyTo(destination);
        GC.KeepAlive(this);
        return true;
    }

    /// <summary>Copies bytes into the guest. False, with nothing written, when any byte is not RAM.</summary>
    public unsafe bool TryWrite(Gpa start, ReadOnlySpan<byte> source)
    {
        if (!TryGetHostAddress(start, (ulong)source.Length, out nint address)) return false;
        // SAFETY: the range was checked against the mapping, which lives as long as this object.
        source.CopyTo(new Span<byte>((void*)address, source.Length));
        GC.KeepAlive(this);
        return true;
    }

    /// <summary>Gives every page back to the host, so that all RAM reads as zero: what a reset leaves.</summary>
    /// <exception cref="LinuxException">The host refused.</exception>
    public void Discard() => File.PunchHole(0, File.Bytes);

    /// <summary>Gives the pages of a range back to the host; they read as zero until they are written again.</summary>
    /// <returns>False, with nothing done, when any byte is not RAM.</returns>
    /// <exception cref="LinuxException">The host refused.</exception>
    public bool TryDiscard(Gpa start, ulong bytes)
    {
        if (!TryGetOffset(start, bytes, out ulong offset)) return false;
        File.PunchHole((long)offset, (long)bytes);
        return true;
    }

    /// <summary>Makes more of the room RAM, after what was added before. One thread at a time adds and takes.</summary>
    /// <returns>What was added; null when there is no such room.</returns>
    public MemoryRegion? TryAdd(ulong bytes)
    {
        ulong added = AddedBytes;
        if (bytes == 0 || bytes % Gpa.PageBytes != 0 || bytes > GrowthBytes - added) return null;
        Volatile.Write(ref _addedBytes, added + bytes);
        return new MemoryRegion(GrowthStart + added, bytes, (long)(Bytes + added), _mapping.Address + (nint)(Bytes + added));
    }

    /// <summary>Takes back the last of what was added, and gives its pages to the host. Nobody may use it any more.</summary>
    /// <exception cref="LinuxException">The host refused.</exception>
    public void TakeAdded(ulong bytes)
    {
        ulong added = AddedBytes;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, added);
        Volatile.Write(ref _addedBytes, added - bytes);
        if (bytes > 0) File.PunchHole((long)(Bytes + added - bytes), (long)bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        File.Dispose();
    }

    private ulong LeftInRun(Gpa start)
    {
        if (start.Value < _lowBytes) return _lowBytes - start.Value;
        if (start.Value >= HighMemoryStart && start.Value - HighMemoryStart < _highBytes) return _highBytes - (start.Value - HighMemoryStart);
        ulong added = AddedBytes;
        return start >= GrowthStart && start.Value - GrowthStart.Value < added ? added - (start.Value - GrowthStart.Value) : 0;
    }

    private bool TryGetOffset(Gpa start, ulong bytes, out ulong offset)
        => TryGetOffset(start, bytes, 0, _lowBytes, 0, out offset)
            || TryGetOffset(start, bytes, HighMemoryStart, _highBytes, _lowBytes, out offset)
            || TryGetOffset(start, bytes, GrowthStart.Value, AddedBytes, Bytes, out offset);

    private static bool TryGetOffset(Gpa start, ulong bytes, ulong runStart, ulong runBytes, ulong runOffset, out ulong offset)
    {
        ulong inRun = unchecked(start.Value - runStart);
        offset = inRun + runOffset;
        return start.Value >= runStart && bytes <= runBytes && inRun <= runBytes - bytes;
    }
}
