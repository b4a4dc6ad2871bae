using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>A folder of its own, guest memory and a lane: what a disk test needs.</summary>
internal sealed class DiskBench : IDisposable
{
    internal const int BlockBytes = 4096;
    private const int MemoryBytes = 8 << 20;

    internal DiskBench(LaneEngineKind engine = LaneEngineKind.Automatic, string? parent = null, int slots = 64)
    {
        Folder = Directory.CreateDirectory(Path.Combine(parent ?? Path.GetTempPath(), $"vmbus-disk-{Guid.NewGuid():N}")).FullName;
        Memory = GuestMemory.Create(MemoryBytes);
        Lane = Lane.Start("test-lane", NullLogger.Instance, new LaneOptions { Engine = engine, OperationSlots = slots });
    }

    internal static TimeSpan Patience => TimeSpan.FromSeconds(30);

    internal string Folder { get; }

    internal GuestMemory Memory { get; }

    internal Lane Lane { get; }

    internal string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Makes a file of the given size, filled with a pattern or sparse.</summary>
    internal string MakeFile(string name, long bytes, byte? fill = null)
    {
        string path = PathOf(name);
        if (fill is { } value)
        {
            File.WriteAllBytes(path, Enumerable.Repeat(value, (int)bytes).ToArray());
            return path;
        }

        using FileStream file = File.Create(path);
        file.SetLength(bytes);
        return path;
    }

    /// <summary>Opens a disk and one queue on the lane.</summary>
    internal OpenedDisk Open(DiskOptions options) => new(this, DiskFactory.Open(options, NullLogger.Instance));

    internal IoVectorList Vectors(ulong at, int bytes)
    {
        var list = new IoVectorList(1, 1024);
        Assert.True(list.TryAdd(Memory, new Gpa(at), bytes));
        return list;
    }

    internal void Fill(ulong at, byte[] content) => Assert.True(Memory.TryWrite(new Gpa(at), content));

    internal byte[] Peek(ulong at, int bytes)
    {
        byte[] content = new byte[bytes];
        Assert.True(Memory.TryRead(new Gpa(at), content));
        return content;
    }

    internal static byte[] Pattern(int seed, int bytes)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }

    public void Dispose()
    {
        Lane.Dispose();
        Memory.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>A disk with one queue, driven from the test's thread.</summary>
internal sealed class OpenedDisk : IDisposable, IIoCompletion
{
    private readonly DiskBench _bench;
    private readonly BlockingCollection<(int Tag, int Result)> _completions = [];

    internal OpenedDisk(DiskBench bench, IDisk disk)
    {
        _bench = bench;
        Disk = disk;
        Queue = null!;
        bench.Lane.Invoke(() => Queue = disk.OpenQueue(bench.Lane));
    }

    internal IDisk Disk { get; }

    internal IDiskQueue Queue { get; private set; }

    public void Complete(int tag, int result) => _completions.Add((tag, result));

    internal int Read(ulong at, int bytes, long offset) => Do((queue, list) => queue.Read(list!, offset, this, 1), at, bytes);

    internal int Write(ulong at, int bytes, long offset, bool durable = false) =>
        Do((queue, list) => queue.Write(list!, offset, durable, this, 1), at, bytes);

    internal int Flush() => Do((queue, _) => queue.Flush(this, 1));

    internal int Discard(long offset, long bytes) => Do((queue, _) => queue.Discard(offset, bytes, this, 1));

    internal int WriteZeroes(long offset, long bytes, bool mayUnmap) => Do((queue, _) => queue.WriteZeroes(offset, bytes, mayUnmap, this, 1));

    /// <summary>Starts something on the lane and waits for its result, whichever way it comes.</summary>
    internal int Do(Func<IDiskQueue, IoVectorList?, int> operation, ulong at = 0, int bytes = 0)
    {
        using IoVectorList? list = bytes > 0 ? _bench.Vectors(at, bytes) : null;
        int result = 0;
        _bench.Lane.Invoke(() => result = operation(Queue, list));
        return result == IDiskQueue.Pending ? Next().Result : result;
    }

    internal (int Tag, int Result) Next()
    {
        Assert.True(_completions.TryTake(out (int Tag, int Result) completion, DiskBench.Patience), "No completion came.");
        return completion;
    }

    public void Dispose()
    {
        _bench.Lane.Invoke(Queue.Dispose);
        Disk.Dispose();
        _completions.Dispose();
    }
}
