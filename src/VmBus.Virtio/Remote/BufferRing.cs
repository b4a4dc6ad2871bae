using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>A ring whose descriptors each have a buffer of their own, behind it.</summary>
internal sealed class BufferRing : DriverRing
{
    /// <summary>Bytes of a buffer.</summary>
    public const int BufferBytes = 4096;

    private readonly QueueArea _area;
    private readonly nint _address;

    /// <summary>A ring in memory that is zero.</summary>
    /// <param name="area">The memory, <see cref="Bytes"/> long.</param>
    /// <param name="address">Where that is in this process, which is how the back-end knows it.</param>
    /// <param name="eventIndex">Whether both sides say when they want a signal.</param>
    public BufferRing(QueueArea area, nint address, bool eventIndex)
        : base(area, address, eventIndex)
    {
        _area = area;
        _address = address;
    }

    /// <summary>Bytes of a ring with its buffers.</summary>
    public static int Bytes => RingBytes + (Size * BufferBytes);

    /// <summary>A buffer's bytes: to be copied, never parsed in place.</summary>
    public Span<byte> Buffer(int id) => _area.Span(BufferAt(id), BufferBytes);

    /// <summary>Writes the descriptor of a buffer.</summary>
    public void Describe(int id, int bytes, DescriptorFlags flags, int next) => Describe(id, _address + BufferAt(id), bytes, flags, next);

    private static int BufferAt(int id) => RingBytes + (id * BufferBytes);
}
