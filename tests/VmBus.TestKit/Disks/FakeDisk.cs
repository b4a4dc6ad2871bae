using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;

namespace VmBus.TestKit.Disks;

/// <summary>What a disk queue can be asked to do.</summary>
public enum DiskOperation
{
    Read,
    Write,
    Flush,
    Discard,
    WriteZeroes,
}

/// <summary>A disk in memory whose operations fail, or end late, when a test says so. Counts what it is asked.</summary>
public sealed class FakeDisk : IDisk
{
    private readonly Queue<(FakeDiskQueue Queue, Func<int> Operation, IIoCompletion Completion, int Tag)> _late = new();

    public FakeDisk(long bytes = 1 << 20, int sectorBytes = 512, int physicalBytes = 4096, DiskTraits? traits = null)
    {
        Content = new byte[bytes];
        Geometry = new DiskGeometry(bytes, sectorBytes, physicalBytes);
        Traits = traits ?? new DiskTraits(
            ReadOnly: false, WriteCache: true, DiscardGranularityBytes: 4096, MaximumTransferBytes: 0, Rotational: false);
    }

    public string Name => "fake";

    /// <summary>The bytes of the medium.</summary>
    public byte[] Content { get; private set; }

    public DiskGeometry Geometry { get; private set; }

    public DiskTraits Traits { get; }

    /// <summary>Operations do not end until <see cref="CompleteAll"/>.</summary>
    public bool Late { get; set; }

    /// <summary>The errno of the next operation of each kind; 0 or absent for none.</summary>
    public Dictionary<DiskOperation, int> FailNext { get; } = [];

    /// <summary>Every operation moves at most this many bytes.</summary>
    public int ShortAfter { get; set; } = int.MaxValue;

    /// <summary>How often each operation was asked for.</summary>
    public Dictionary<DiskOperation, int> Counts { get; } = Enum.GetValues<DiskOperation>().ToDictionary(o => o, _ => 0);

    /// <summary>Writes that asked for force-unit-access.</summary>
    public int ForcedWrites { get; private set; }

    /// <summary>Zero writes that were allowed to free space.</summary>
    public int UnmappingZeroWrites { get; private set; }

    /// <summary>Queues that are open.</summary>
    public int OpenQueues { get; private set; }

    /// <summary>Operations that have not ended.</summary>
    public int LateCount => _late.Count;

    /// <summary>What <see cref="RefreshGeometry"/> finds.</summary>
    public long? GrowsTo { get; set; }

    /// <summary>Opening a queue throws.</summary>
    public bool RefusesQueues { get; set; }

    public IDiskQueue OpenQueue(Lane lane)
    {
        if (RefusesQueues) throw new IOException("The fake disk refuses queues.");
        OpenQueues++;
        return new FakeDiskQueue(this);
    }

    public bool SizeMayChange => true;

    public void Grow(long bytes) => GrowsTo = bytes;

    public bool RefreshGeometry()
    {
        if (GrowsTo is not { } bytes || bytes == Geometry.Bytes) return false;
        byte[] content = new byte[bytes];
        Content.AsSpan(0, (int)Math.Min(bytes, Content.Length)).CopyTo(content);
        Content = content;
        Geometry = Geometry with { Bytes = bytes };
        return true;
    }

    /// <summary>Ends the oldest late operation.</summary>
    public void CompleteOne()
    {
        var (_, operation, completion, tag) = _late.Dequeue();
        completion.Complete(tag, operation());
    }

    /// <summary>Ends late operations until there are none, also those that are started meanwhile.</summary>
    public void CompleteAll()
    {
        while (_late.Count > 0) CompleteOne();
    }

    public void Dispose()
    {
    }

    private int Run(FakeDiskQueue queue, DiskOperation kind, IIoCompletion completion, int tag, IoVectorList? data, long offset, long bytes)
    {
        Counts[kind]++;
        return Late ? Defer(queue, kind, completion, tag, data, offset, bytes) : Perform(kind, data, offset, bytes);
    }

    // Apart, so that only late operations allocate: tests measure that the code under test does not.
    private int Defer(FakeDiskQueue queue, DiskOperation kind, IIoCompletion completion, int tag, IoVectorList? data, long offset, long bytes)
    {
        _late.Enqueue((queue, () => Perform(kind, data, offset, bytes), completion, tag));
        return IDiskQueue.Pending;
    }

    private int Perform(DiskOperation kind, IoVectorList? data, long offset, long bytes)
    {
        if (FailNext.Count > 0 && FailNext.Remove(kind, out int errno) && errno != 0) return -errno;
        if (kind == DiskOperation.Flush) return 0;
        if (offset < 0 || bytes < 0 || offset > Content.Length - bytes)
            throw new InvalidOperationException($"{kind} of {bytes} bytes at {offset} is outside the disk.");
        int length = (int)Math.Min(bytes, ShortAfter);
        Span<byte> range = Content.AsSpan((int)offset, length);
        switch (kind)
        {
            case DiskOperation.Read:
                return data!.CopyFrom(range);
            case DiskOperation.Write:
                return data!.CopyTo(range);
            default:
                range.Clear();
                return 0;
        }
    }

    private sealed class FakeDiskQueue(FakeDisk disk) : IDiskQueue
    {
        private bool _disposed;

        public int Read(IoVectorList data, long offset, IIoCompletion completion, int tag) =>
            disk.Run(this, DiskOperation.Read, completion, tag, data, offset, data.Bytes);

        public int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag)
        {
            if (forceUnitAccess) disk.ForcedWrites++;
            return disk.Run(this, DiskOperation.Write, completion, tag, data, offset, data.Bytes);
        }

        public int Flush(IIoCompletion completion, int tag) => disk.Run(this, DiskOperation.Flush, completion, tag, null, 0, 0);

        public int Discard(long offset, long bytes, IIoCompletion completion, int tag) =>
            disk.Run(this, DiskOperation.Discard, completion, tag, null, offset, bytes);

        public int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag)
        {
            if (mayUnmap) disk.UnmappingZeroWrites++;
            return disk.Run(this, DiskOperation.WriteZeroes, completion, tag, null, offset, bytes);
        }

        public void Dispose()
        {
            if (_disposed) throw new InvalidOperationException("A disk queue was disposed twice.");
            _disposed = true;
            disk.OpenQueues--;
        }
    }
}
