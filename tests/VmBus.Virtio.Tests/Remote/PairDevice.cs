using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Remote;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>The device's side of one queue of a pair, as a back-end has it: by the memory alone.</summary>
internal sealed class PairDevice(RemoteQueue queue)
{
    private readonly QueueArea _descriptors = new(queue.Descriptors, queue.Size * QueueLayout.DescriptorBytes);
    private readonly QueueArea _available = new(queue.Driver, QueueLayout.AvailableBytes(queue.Size));
    private readonly QueueArea _used = new(queue.Device, QueueLayout.UsedBytes(queue.Size));
    private ushort _taken;
    private ushort _usedIndex;

    /// <summary>Chains that were offered and not taken yet.</summary>
    internal int Offered => (ushort)(_available.ReadUInt16(2) - _taken);

    /// <summary>Takes a chain.</summary>
    internal ushort Take() => _available.ReadUInt16(QueueLayout.AvailableElement(_taken++ & (queue.Size - 1)));

    /// <summary>All bytes of a chain.</summary>
    internal byte[] Read(int head)
    {
        var bytes = new List<byte>();
        for (int id = head; ;)
        {
            int at = id * QueueLayout.DescriptorBytes;
            var buffer = new QueueArea((nint)_descriptors.ReadUInt64(at), (int)_descriptors.ReadUInt32(at + 8));
            bytes.AddRange(buffer.Span(0, buffer.Bytes));
            if (((DescriptorFlags)_descriptors.ReadUInt16(at + 12) & DescriptorFlags.Next) == 0) return [.. bytes];
            id = _descriptors.ReadUInt16(at + 14);
        }
    }

    /// <summary>Writes into the only buffer of a chain.</summary>
    internal void Write(int head, ReadOnlySpan<byte> bytes)
    {
        int at = head * QueueLayout.DescriptorBytes;
        bytes.CopyTo(new QueueArea((nint)_descriptors.ReadUInt64(at), (int)_descriptors.ReadUInt32(at + 8)).Span(0, bytes.Length));
    }

    /// <summary>Gives chains back, all at once.</summary>
    internal void Use(params (uint Head, uint Bytes)[] chains)
    {
        foreach ((uint head, uint bytes) in chains)
        {
            int element = QueueLayout.UsedElement(_usedIndex++ & (queue.Size - 1));
            _used.WriteUInt32(element, head);
            _used.WriteUInt32(element + 4, bytes);
        }

        _used.WriteUInt16(2, _usedIndex);
    }

    /// <summary>Says that so many chains were given back that never were.</summary>
    internal void Claim(int count) => _used.WriteUInt16(2, (ushort)(_usedIndex + count));

    /// <summary>Delivers a frame in as many buffers as it needs.</summary>
    internal void Deliver(byte[] frame)
    {
        byte[] all = [.. new byte[VirtioNetHeader.Bytes], .. frame];
        int buffers = (all.Length + BufferRing.BufferBytes - 1) / BufferRing.BufferBytes;
        new VirtioNetHeader { BufferCount = (ushort)buffers }.Write(all);
        Use([.. all.Chunk(BufferRing.BufferBytes).Select(part =>
        {
            ushort head = Take();
            Write(head, part);
            return ((uint)head, (uint)part.Length);
        })]);
    }
}
