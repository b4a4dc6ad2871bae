using System.Runtime.CompilerServices;
using VmBus.Memory.Guest;

namespace VmBus.Memory.Queues;

/// <summary>One part of a virtqueue, or another table that both sides read and write in place.</summary>
/// <remarks>
/// Every access is one load or store of its size, bounds-checked, so a value that changes meanwhile is read once. Loads are acquires and stores
/// releases (<see cref="Volatile"/>). What keeps the memory mapped is the owner's to hold. Little-endian hosts only, as the rings are.
/// </remarks>
public readonly unsafe struct QueueArea : IEquatable<QueueArea>
{
    private readonly byte* _start;

    /// <summary>An area over mapped memory, which must stay mapped as long as this is used.</summary>
    /// <param name="address">Its first byte, aligned to the largest value that is read.</param>
    /// <param name="bytes">Its length.</param>
    public QueueArea(nint address, int bytes)
    {
        _start = (byte*)address;
        Bytes = bytes;
    }

    /// <summary>Length in bytes.</summary>
    public int Bytes { get; }

    /// <summary>Finds an area in a device's memory.</summary>
    /// <returns>False when it is not memory in one piece, or not aligned.</returns>
    public static bool TryFind(IDeviceMemory memory, Gpa start, int bytes, int alignment, out QueueArea area)
    {
        bool found = memory.FindRun(start, (ulong)bytes, out nint address) == (ulong)bytes && address % alignment == 0;
        area = found ? new QueueArea(address, bytes) : default;
        return found;
    }

    /// <summary>A part of it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not all of it is inside.</exception>
    public QueueArea Slice(int offset, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes - offset);
        // SAFETY: the part is inside the area.
        return new QueueArea((nint)(_start + offset), bytes);
    }

    /// <summary>A part of it as bytes to be copied whole; never parsed in place.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not all of it is inside.</exception>
    public Span<byte> Span(int offset, int bytes)
    {
        QueueArea part = Slice(offset, bytes);
        // SAFETY: the part is inside the area, which its maker promised to be mapped.
        return new Span<byte>(part._start, bytes);
    }

    /// <summary>Loads 1 byte.</summary>
    public byte ReadByte(int offset) => Volatile.Read(ref At<byte>(offset));

    /// <summary>Loads 2 bytes.</summary>
    public ushort ReadUInt16(int offset) => Volatile.Read(ref At<ushort>(offset));

    /// <summary>Loads 4 bytes.</summary>
    public uint ReadUInt32(int offset) => Volatile.Read(ref At<uint>(offset));

    /// <summary>Loads 8 bytes.</summary>
    public ulong ReadUInt64(int offset) => Volatile.Read(ref At<ulong>(offset));

    /// <summary>Stores 1 byte.</summary>
    public void WriteByte(int offset, byte value) => Volatile.Write(ref At<byte>(offset), value);

    /// <summary>Stores 2 bytes.</summary>
    public void WriteUInt16(int offset, ushort value) => Volatile.Write(ref At<ushort>(offset), value);

    /// <summary>Stores 4 bytes.</summary>
    public void WriteUInt32(int offset, uint value) => Volatile.Write(ref At<uint>(offset), value);

    /// <summary>Stores 8 bytes.</summary>
    public void WriteUInt64(int offset, ulong value) => Volatile.Write(ref At<ulong>(offset), value);

    /// <summary>Sets bits of a byte that others set too.</summary>
    public void SetBits(long offset, byte bits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)offset, (ulong)Bytes, nameof(offset));
        // Whole words: areas are aligned, so the word that holds the byte is on a page that is mapped.
        long word = offset & ~3L;
        // SAFETY: the offset was checked against the area, which its maker promised to be mapped.
        Interlocked.Or(ref *(uint*)(_start + word), (uint)bits << (int)((offset - word) * 8));
    }

    /// <inheritdoc/>
    public bool Equals(QueueArea other) => _start == other._start && Bytes == other.Bytes;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is QueueArea other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine((nint)_start, Bytes);

    /// <summary>Whether both are the same memory.</summary>
    public static bool operator ==(QueueArea left, QueueArea right) => left.Equals(right);

    /// <summary>Whether they are different memory.</summary>
    public static bool operator !=(QueueArea left, QueueArea right) => !left.Equals(right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref T At<T>(int offset)
        where T : unmanaged
    {
        if (offset < 0 || offset > Bytes - sizeof(T)) ThrowOutside(offset);
        // SAFETY: the offset was checked against the area, which its maker promised to be mapped.
        return ref *(T*)(_start + offset);
    }

    private static void ThrowOutside(int offset) => throw new ArgumentOutOfRangeException(nameof(offset), offset, "Outside the queue's area.");
}
