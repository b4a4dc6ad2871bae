using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

/// <summary>The driver's end of a split virtqueue in memory of its own. It may write anything, as a hostile one does.</summary>
internal sealed class SplitDriver : IDisposable
{
    /// <summary>Where requests' buffers may lie.</summary>
    internal const ulong Buffers = 0x20000;

    internal const ulong DescriptorsAt = 0x1000;
    internal const ulong AvailableAt = 0x8000;
    internal const ulong UsedAt = 0x10000;
    private ushort _available;

    internal SplitDriver(int size = 16, bool eventIndex = false, bool indirect = true, GuestMemory? memory = null)
    {
        Size = size;
        Memory = memory ?? GuestMemory.Create(1 << 20);
        Settings = new QueueSettings { Size = size, EventIndex = eventIndex, IndirectDescriptors = indirect };
    }

    internal int Size { get; }

    internal GuestMemory Memory { get; }

    internal QueueSettings Settings { get; set; }

    internal ushort UsedIndex => ReadUInt16(UsedAt + 2);

    internal SplitQueue Open() => new(
        Memory,
        Settings,
        Area(DescriptorsAt, Size * QueueLayout.DescriptorBytes),
        Area(AvailableAt, QueueLayout.AvailableBytes(Size)),
        Area(UsedAt, QueueLayout.UsedBytes(Size)));

    internal void Describe(int index, ulong address, uint bytes, DescriptorFlags flags = DescriptorFlags.None, ushort next = 0)
        => Write(DescriptorsAt + ((ulong)index * QueueLayout.DescriptorBytes), Descriptor(address, bytes, flags, next));

    internal void DescribeIn(ulong table, int index, ulong address, uint bytes, DescriptorFlags flags = DescriptorFlags.None, ushort next = 0)
        => Write(table + ((ulong)index * QueueLayout.DescriptorBytes), Descriptor(address, bytes, flags, next));

    /// <summary>Offers a chain that begins at a descriptor.</summary>
    internal void Offer(ushort head)
    {
        WriteUInt16(AvailableAt + (ulong)QueueLayout.AvailableElement(_available & (Size - 1)), head);
        _available++;
        WriteUInt16(AvailableAt + 2, _available);
    }

    internal void SetAvailableIndex(ushort value) => WriteUInt16(AvailableAt + 2, value);

    /// <summary>Wants to be signalled when the used index passes a value.</summary>
    internal void WantSignalAfter(ushort index) => WriteUInt16(AvailableAt + (ulong)QueueLayout.AvailableElement(Size), index);

    internal void WantNoSignal() => WriteUInt16(AvailableAt, QueueLayout.NoInterrupt);

    /// <summary>At which available index the device wants a kick.</summary>
    internal ushort WantedKick => ReadUInt16(UsedAt + (ulong)QueueLayout.UsedElement(Size));

    internal bool WantsNoKick => (ReadUInt16(UsedAt) & QueueLayout.NoNotify) != 0;

    internal (uint Id, uint Bytes) Used(int index)
    {
        Span<byte> element = stackalloc byte[QueueLayout.UsedElementBytes];
        Assert.True(Memory.TryRead(new Gpa(UsedAt + (ulong)QueueLayout.UsedElement(index & (Size - 1))), element));
        return (BinaryPrimitives.ReadUInt32LittleEndian(element), BinaryPrimitives.ReadUInt32LittleEndian(element[4..]));
    }

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
        Assert.True(QueueArea.TryFind(Memory, new Gpa(address), bytes, 2, out QueueArea area));
        return area;
    }

    private ushort ReadUInt16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Read(address, 2));

    private void WriteUInt16(ulong address, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Write(address, bytes);
    }

    private static byte[] Descriptor(ulong address, uint bytes, DescriptorFlags flags, ushort next)
    {
        byte[] descriptor = new byte[QueueLayout.DescriptorBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(8), bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor.AsSpan(12), (ushort)flags);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor.AsSpan(14), next);
        return descriptor;
    }
}
