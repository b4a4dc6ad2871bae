using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;

namespace VmBus.Benchmarks.Virtqueues;

/// <summary>A driver's end of a virtqueue whose requests are those of a disk: a header to be read, data, and a status to be written.</summary>
/// <remarks>Requests end in the order in which they were made, so a ring of three descriptors for each always has the same ones.</remarks>
internal abstract class DriverRing
{
    protected const int Pieces = 3;
    private const ulong DescriptorsAt = 0x1000;
    private const ulong DriverAt = 0x8000;
    private const ulong DeviceAt = 0x10000;
    private const ulong TablesAt = 0x20000;
    private const ulong HeadersAt = 0x40000;
    private const ulong DataAt = 0x80000;
    private const ulong StatusAt = 0x60000;
    private const uint HeaderBytes = 16;
    private const uint DataBytes = 4096;

    private readonly GuestMemory _memory;

    protected DriverRing(GuestMemory memory, QueueSettings settings)
    {
        _memory = memory;
        Settings = settings;
        Descriptors = Area(DescriptorsAt, settings.Size * QueueLayout.DescriptorBytes);
        Driver = Area(DriverAt, Virtqueue.DriverPart(settings.IsPacked, settings.Size).Bytes);
        Device = Area(DeviceAt, Virtqueue.DevicePart(settings.IsPacked, settings.Size).Bytes);
    }

    /// <summary>Bytes of memory that a ring of up to 256 entries needs.</summary>
    internal static long MemoryBytes => 2 << 20;

    protected QueueSettings Settings { get; }

    protected QueueArea Descriptors { get; }

    protected QueueArea Driver { get; }

    protected QueueArea Device { get; }

    /// <summary>The device's end.</summary>
    internal Virtqueue Open() => Virtqueue.Open(_memory, Settings, Descriptors, Driver, Device);

    /// <summary>Makes a request available.</summary>
    internal abstract void Offer();

    /// <summary>Makes known what was offered.</summary>
    internal abstract void Publish();

    /// <summary>Takes a request that has ended.</summary>
    internal abstract bool TryTakeUsed();

    protected QueueArea Table(int index) => Area(TablesAt + (ulong)(index * Pieces * QueueLayout.DescriptorBytes), Pieces * QueueLayout.DescriptorBytes);

    protected static ulong TableAddress(int index) => TablesAt + (ulong)(index * Pieces * QueueLayout.DescriptorBytes);

    /// <summary>Writes one of a request's pieces.</summary>
    protected static void Describe(QueueArea area, int at, int piece, int request, ushort flags, ushort last)
    {
        (ulong address, uint bytes) = piece switch
        {
            0 => (HeadersAt + ((ulong)request * HeaderBytes), HeaderBytes),
            1 => (DataAt + ((ulong)request * DataBytes), DataBytes),
            _ => (StatusAt + (ulong)request, 1u),
        };
        area.WriteUInt64(at, address);
        area.WriteUInt32(at + 8, bytes);
        area.WriteUInt16(at + 12, flags);
        area.WriteUInt16(at + 14, last);
    }

    protected static DescriptorFlags FlagsOf(int piece)
        => (piece < Pieces - 1 ? DescriptorFlags.Next : DescriptorFlags.None) | (piece > 0 ? DescriptorFlags.Write : DescriptorFlags.None);

    private QueueArea Area(ulong start, int bytes)
        => QueueArea.TryFind(_memory, new Gpa(start), bytes, 2, out QueueArea area) ? area : throw new InvalidOperationException("The ring is outside its memory.");
}
