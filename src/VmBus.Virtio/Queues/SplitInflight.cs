using VmBus.Memory.Queues;

namespace VmBus.Virtio.Queues;

/// <summary>One split queue's part of the in-flight region that the front-end keeps while this process is away.</summary>
/// <remarks>
/// [0) features u64 · [8) version u16 · [10) descriptors u16 · [12) last batch's head u16 · [14) used index u16 · [16) for each descriptor:
/// in flight u8 · 5 bytes · next of the batch u16 · counter u64. The front-end may write anything here: heads are checked, walks bounded.
/// Source: the vhost-user protocol, Inflight I/O tracking; protocol-spec/vhost-user.md#in-flight.
/// </remarks>
internal sealed class SplitInflight : IInflightLog
{
    private const int HeaderBytes = 16;
    private const int EntryBytes = 16;
    private const int VersionOffset = 8;
    private const int SizeOffset = 10;
    private const int LastHeadOffset = 12;
    private const int UsedIndexOffset = 14;
    private const ushort Version = 1;

    private readonly QueueArea _area;
    private readonly int _size;
    private readonly Queue<ushort> _recovered = new();
    private ulong _counter;
    private int _batch;

    private SplitInflight(QueueArea area, int size)
    {
        _area = area;
        _size = size;
    }

    /// <summary>Bytes of the region of a queue, aligned for the next one.</summary>
    public static int BytesFor(int size) => ((HeaderBytes + (EntryBytes * size)) + 63) & ~63;

    /// <summary>Opens a region; one that is fresh (all zero) is begun.</summary>
    /// <returns>Null when it is of another version or size.</returns>
    public static SplitInflight? TryOpen(QueueArea area, int size)
    {
        if (area.Bytes < HeaderBytes + (EntryBytes * size)) return null;
        ushort version = area.ReadUInt16(VersionOffset);
        if (version == 0)
        {
            area.WriteUInt16(SizeOffset, (ushort)size);
            area.WriteUInt16(VersionOffset, Version);
        }
        else if (version != Version || area.ReadUInt16(SizeOffset) != size)
        {
            return null;
        }

        return new SplitInflight(area, size);
    }

    /// <inheritdoc/>
    public int Recover(ushort usedIndex)
    {
        // The driver saw the last batch, and the process ended before it was crossed off.
        int seen = (ushort)(usedIndex - _area.ReadUInt16(UsedIndexOffset));
        if (seen <= _size) CrossOff(seen);
        _area.WriteUInt16(UsedIndexOffset, usedIndex);
        List<(ulong Counter, ushort Head)> left = [];
        for (int head = 0; head < _size; head++)
        {
            if (_area.ReadByte(Entry(head)) == 0) continue;
            ulong counter = _area.ReadUInt64(Entry(head) + 8);
            left.Add((counter, (ushort)head));
            _counter = Math.Max(_counter, unchecked(counter + 1));
        }

        left.Sort();
        foreach ((_, ushort head) in left) _recovered.Enqueue(head);
        return left.Count;
    }

    /// <inheritdoc/>
    public bool TryTakeRecovered(out ushort head) => _recovered.TryDequeue(out head);

    /// <inheritdoc/>
    public void Taken(ushort head)
    {
        _area.WriteUInt64(Entry(head) + 8, _counter++);
        _area.WriteByte(Entry(head), 1);
    }

    /// <inheritdoc/>
    public void Completed(ushort head)
    {
        _area.WriteUInt16(Entry(head) + 6, _area.ReadUInt16(LastHeadOffset));
        _area.WriteUInt16(LastHeadOffset, head);
        _batch++;
    }

    /// <inheritdoc/>
    public void Published(ushort usedIndex)
    {
        CrossOff(_batch);
        _batch = 0;
        _area.WriteUInt16(UsedIndexOffset, usedIndex);
    }

    private void CrossOff(int count)
    {
        int head = _area.ReadUInt16(LastHeadOffset);
        for (; count > 0 && head < _size; count--)
        {
            _area.WriteByte(Entry(head), 0);
            head = _area.ReadUInt16(Entry(head) + 6);
        }
    }

    private static int Entry(int head) => HeaderBytes + (EntryBytes * head);
}
