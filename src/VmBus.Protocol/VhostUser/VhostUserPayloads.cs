using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.VhostUser;

/// <summary>A region of the front-end's memory: 32 bytes, little-endian.</summary>
/// <remarks>[0) guest address u64 · [8) bytes u64 · [16) front-end's address u64 · [24) offset in the file u64.</remarks>
public readonly record struct VhostUserRegion(ulong GuestAddress, ulong Bytes, ulong UserAddress, ulong FileOffset)
{
    /// <summary>Bytes of a region.</summary>
    public const int Size = 32;

    /// <summary>Reads a region. False when short, empty, or when a sum passes the end of the address space.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserRegion value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt64LittleEndian(source), ReadUInt64LittleEndian(source[8..]), ReadUInt64LittleEndian(source[16..]), ReadUInt64LittleEndian(source[24..]));
        ulong bytes = value.Bytes;
        return bytes is > 0 and <= long.MaxValue && value.FileOffset <= (ulong)long.MaxValue - bytes
            && value.GuestAddress <= ulong.MaxValue - bytes && value.UserAddress <= ulong.MaxValue - bytes;
    }

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        WriteUInt64LittleEndian(target, GuestAddress);
        WriteUInt64LittleEndian(target[8..], Bytes);
        WriteUInt64LittleEndian(target[16..], UserAddress);
        WriteUInt64LittleEndian(target[24..], FileOffset);
    }
}

/// <summary>A queue and a number: 8 bytes, little-endian.</summary>
/// <remarks>[0) queue u32 · [4) value u32.</remarks>
public readonly record struct VhostUserQueueState(uint Queue, uint Value)
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 8;

    /// <summary>Reads it. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserQueueState value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(source), ReadUInt32LittleEndian(source[4..]));
        return true;
    }

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        WriteUInt32LittleEndian(target, Queue);
        WriteUInt32LittleEndian(target[4..], Value);
    }
}

/// <summary>Where a queue's parts are in the front-end's address space: 40 bytes, little-endian.</summary>
/// <remarks>[0) queue u32 · [4) flags u32 · [8) descriptors u64 · [16) used u64 · [24) available u64 · [32) guest address of used, for the log u64.</remarks>
public readonly record struct VhostUserQueueAddresses(uint Queue, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong UsedGuestAddress)
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 40;

    /// <summary>VHOST_VRING_F_LOG: writes of the used ring are logged at <see cref="UsedGuestAddress"/>.</summary>
    public const uint Log = 1;

    /// <summary>Reads it. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserQueueAddresses value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(
            ReadUInt32LittleEndian(source),
            ReadUInt32LittleEndian(source[4..]),
            ReadUInt64LittleEndian(source[8..]),
            ReadUInt64LittleEndian(source[16..]),
            ReadUInt64LittleEndian(source[24..]),
            ReadUInt64LittleEndian(source[32..]));
        return true;
    }

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        WriteUInt32LittleEndian(target, Queue);
        WriteUInt32LittleEndian(target[4..], Flags);
        WriteUInt64LittleEndian(target[8..], Descriptors);
        WriteUInt64LittleEndian(target[16..], Used);
        WriteUInt64LittleEndian(target[24..], Available);
        WriteUInt64LittleEndian(target[32..], UsedGuestAddress);
    }
}

/// <summary>A piece of the configuration space, before its bytes: 12 bytes, little-endian.</summary>
/// <remarks>[0) offset u32 · [4) bytes u32 · [8) flags u32.</remarks>
public readonly record struct VhostUserConfig(uint Offset, uint Bytes, uint Flags)
{
    /// <summary>Bytes before the configuration's own.</summary>
    public const int Size = 12;

    /// <summary>Most bytes of a configuration space that the protocol carries.</summary>
    public const int MaximumBytes = 256;

    /// <summary>Reads it. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserConfig value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(source), ReadUInt32LittleEndian(source[4..]), ReadUInt32LittleEndian(source[8..]));
        return true;
    }

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        WriteUInt32LittleEndian(target, Offset);
        WriteUInt32LittleEndian(target[4..], Bytes);
        WriteUInt32LittleEndian(target[8..], Flags);
    }
}

/// <summary>The memory that remembers requests on their way: 20 bytes, little-endian, sent with 4 of padding.</summary>
/// <remarks>[0) bytes u64 · [8) offset u64 · [16) queues u16 · [18) queue size u16.</remarks>
public readonly record struct VhostUserInflight(ulong Bytes, ulong Offset, ushort QueueCount, ushort QueueSize)
{
    /// <summary>Bytes that are read.</summary>
    public const int Size = 20;

    /// <summary>Bytes that are written, with the padding that front-ends expect.</summary>
    public const int PaddedSize = 24;

    /// <summary>Reads it. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserInflight value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt64LittleEndian(source), ReadUInt64LittleEndian(source[8..]), ReadUInt16LittleEndian(source[16..]), ReadUInt16LittleEndian(source[18..]));
        return true;
    }

    /// <summary>Writes it, padded.</summary>
    public void Write(Span<byte> target)
    {
        target[..PaddedSize].Clear();
        WriteUInt64LittleEndian(target, Bytes);
        WriteUInt64LittleEndian(target[8..], Offset);
        WriteUInt16LittleEndian(target[16..], QueueCount);
        WriteUInt16LittleEndian(target[18..], QueueSize);
    }
}
