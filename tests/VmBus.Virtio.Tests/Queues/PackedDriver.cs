using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

/// <summary>The driver's end of a packed virtqueue in memory of its own. It may write anything, as a hostile one does.</summary>
internal sealed class PackedDriver : IDisposable
{
    /// <summary>Where requests' buffers may lie.</summary>
    internal const ulong Buffers = 0x20000;

    internal const ulong RingAt = 0x1000;
    internal const ulong DriverEventAt = 0x8000;
    internal const ulong DeviceEventAt = 0x8010;
    private const DescriptorFlags Both = DescriptorFlags.Available | DescriptorFlags.Used;

    internal PackedDriver(int size = 16, bool eventIndex = false, bool indirect = true)
    {
        Size = size;
        Settings = new QueueSettings { Size = size, IsPacked = true, Base = PackedQueue.FreshBase, EventIndex = eventIndex, IndirectDescriptors = indirect };
    }

    internal int Size { get; }

    internal GuestMemory Memory { get; } = GuestMemory.Create(1 << 20);

    internal QueueSettings Settings { get; set; }

    /// <summary>Where the next descriptor is made available, and the wrap counter for it.</summary>
    internal (int Slot, bool Wrap) Next { get; set; } = (0, true);

    /// <summary>Where the next used descriptor is looked for, and the wrap counter of it.</summary>
    internal (int Slot, bool Wrap) Used { get; set; } = (0, true);

    internal PackedQueue Open() => new(
        Memory,
        Settings,
        Area(RingAt, Size * QueueLayout.DescriptorBytes),
        Area(DriverEventAt, QueueLayout.EventBytes),
        Area(DeviceEventAt, QueueLayout.EventBytes));

    /// <summary>Makes a chain available: all of it, the flags of its first descriptor last.</summary>
    internal void Offer(ushort id, params (ulong Address, uint Bytes, DescriptorFlags Flags)[] pieces)
    {
        (int first, bool firstWrap) = Next;
        for (int i = 0; i < pieces.Length; i++)
        {
            (ulong address, uint bytes, DescriptorFlags flags) = pieces[i];
            if (i < pieces.Length - 1) flags |= DescriptorFlags.Next;
            // Only the last one's identifier counts.
            Describe(Next.Slot, address, bytes, i == pieces.Length - 1 ? id : (ushort)0xEEEE, i == 0 ? FlagsOf(Next.Slot) : flags | Mark(Next.Wrap));
            Next = Advance(Next, 1);
        }

        SetFlags(first, pieces[0].Flags | (pieces.Length > 1 ? DescriptorFlags.Next : 0) | Mark(firstWrap));
    }

    /// <summary>Makes a piece that is written available.</summary>
    internal void Offer(ushort id) => Offer(id, (Buffers, 4, DescriptorFlags.Write));

    /// <summary>Takes the next used descriptor, which stands for a chain of so many.</summary>
    internal (ushort Id, uint Bytes)? TakeUsed(Func<ushort, int> lengthOf)
    {
        DescriptorFlags expected = Used.Wrap ? Both : DescriptorFlags.None;
        if ((FlagsOf(Used.Slot) & Both) != expected) return null;
        byte[] descriptor = Read(RingAt + ((ulong)Used.Slot * QueueLayout.DescriptorBytes), QueueLayout.DescriptorBytes);
        ushort id = BinaryPrimitives.ReadUInt16LittleEndian(descriptor.AsSpan(12));
        Used = Advance(Used, lengthOf(id));
        return (id, BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(8)));
    }

    internal (int Slot, bool Wrap) Advance((int Slot, bool Wrap) at, int slots)
        => at.Slot + slots < Size ? (at.Slot + slots, at.Wrap) : (at.Slot + slots - Size, !at.Wrap);

    internal void Describe(int slot, ulong address, uint bytes, ushort id, DescriptorFlags flags)
        => Write(RingAt + ((ulong)slot * QueueLayout.DescriptorBytes), Descriptor(address, bytes, id, flags));

    internal void DescribeIn(ulong table, int index, ulong address, uint bytes, DescriptorFlags flags = DescriptorFlags.None)
        => Write(table + ((ulong)index * QueueLayout.DescriptorBytes), Descriptor(address, bytes, 0xEEEE, flags));

    internal void SetFlags(int slot, DescriptorFlags flags) => WriteUInt16(RingAt + ((ulong)slot * QueueLayout.DescriptorBytes) + 14, (ushort)flags);

    internal DescriptorFlags FlagsOf(int slot)
        => (DescriptorFlags)BinaryPrimitives.ReadUInt16LittleEndian(Read(RingAt + ((ulong)slot * QueueLayout.DescriptorBytes) + 14, 2));

    /// <summary>What the driver wants to be told.</summary>
    internal void Want(RingEvent wish, (int Slot, bool Wrap) position = default)
    {
        WriteUInt16(DriverEventAt, (ushort)(position.Slot | (position.Wrap ? 0x8000 : 0)));
        WriteUInt16(DriverEventAt + 2, (ushort)wish);
    }

    /// <summary>When the device wants a kick.</summary>
    internal (RingEvent Wish, int Slot, bool Wrap) WantedKick
    {
        get
        {
            uint word = BinaryPrimitives.ReadUInt32LittleEndian(Read(DeviceEventAt, 4));
            return ((RingEvent)(word >> 16), (int)(word & 0x7FFF), (word & 0x8000) != 0);
        }
    }

    internal static DescriptorFlags Mark(bool wrap) => wrap ? DescriptorFlags.Available : DescriptorFlags.Used;

    internal void Write(ulong address, ReadOnlySpan<byte> bytes) => Assert.True(Memory.TryWrite(new Gpa(address), bytes));

    internal byte[] Read(ulong address, int bytes)
    {
        byte[] read = new byte[bytes];
        Assert.True(Memory.TryRead(new Gpa(address), read));
        return read;
    }

    public void Dispose() => Memory.Dispose();

    private QueueArea Area(ulong address, int bytes)
    {
        Assert.True(QueueArea.TryFind(Memory, new Gpa(address), bytes, 4, out QueueArea area));
        return area;
    }

    private void WriteUInt16(ulong address, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Write(address, bytes);
    }

    private static byte[] Descriptor(ulong address, uint bytes, ushort id, DescriptorFlags flags)
    {
        byte[] descriptor = new byte[QueueLayout.DescriptorBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(8), bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor.AsSpan(12), id);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor.AsSpan(14), (ushort)flags);
        return descriptor;
    }
}
