using System.Collections.Concurrent;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A disk over a back-end of this project's own, and a queue of it on a lane, driven from the test's thread.</summary>
internal sealed class RemoteDiskBench : IIoCompletion, IDisposable
{
    private readonly BlockingCollection<(int Tag, int Result)> _completions = [];
    private readonly List<IDiskQueue> _queues = [];

    internal RemoteDiskBench(FakeDisk? medium = null, int backEndQueues = 2, int lanes = 1, string options = "", string? socket = null, bool byConnector = false)
    {
        BackEnd = new Export(medium, queues: backEndQueues);
        Log = new Export();
        Lanes = [.. Enumerable.Range(0, lanes).Select(i => Lane.Start($"front-{i}", Log, new LaneOptions()))];
        Disk = RemoteDisk.Open(DiskOptions.Parse($"vhost-user={socket ?? BackEnd.Socket}{options}"), Memory, lanes, Log, byConnector ? StartConnector(BackEnd.Socket) : null);
        foreach (Lane lane in Lanes) lane.Invoke(() => _queues.Add(Disk.OpenQueue(lane)));
    }

    // As in another process; it ends with the disk.
    private static HostConnector StartConnector(string socket)
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        new Thread(() => ConnectorServer.Run([(new ConnectPlace(ConnectKind.VhostUser, socket), theirs)])) { IsBackground = true }.Start();
        return new HostConnector(ours);
    }

    internal static TimeSpan Patience => TimeSpan.FromSeconds(30);

    /// <summary>The other side, over <see cref="Medium"/>, unless it is somebody else's.</summary>
    internal Export BackEnd { get; }

    internal FakeDisk Medium => BackEnd.Disk;

    /// <summary>Keeps what this side logs.</summary>
    internal Export Log { get; }

    internal GuestMemory Memory { get; } = GuestMemory.Create(4 << 20);

    internal IReadOnlyList<Lane> Lanes { get; }

    internal RemoteDisk Disk { get; }

    public void Complete(int tag, int result) => _completions.Add((tag, result));

    /// <summary>Starts something on a lane.</summary>
    /// <returns>Its result, or <see cref="IDiskQueue.Pending"/>.</returns>
    internal int Start(Func<IDiskQueue, int> operation, int lane = 0)
    {
        int result = 0;
        Lanes[lane].Invoke(() => result = operation(_queues[lane]));
        return result;
    }

    /// <summary>Starts something on a lane and waits for its result, whichever way it comes.</summary>
    internal int Do(Func<IDiskQueue, int> operation, int lane = 0)
    {
        int result = Start(operation, lane);
        return result == IDiskQueue.Pending ? Next().Result : result;
    }

    internal int Read(IoVectorList data, long offset, int lane = 0) => Do(queue => queue.Read(data, offset, this, 0), lane);

    internal int Write(IoVectorList data, long offset, bool durable = false, int lane = 0) => Do(queue => queue.Write(data, offset, durable, this, 0), lane);

    internal (int Tag, int Result) Next()
    {
        Assert.True(_completions.TryTake(out (int Tag, int Result) completion, Patience), "No completion came.");
        return completion;
    }

    internal bool IsQuiet() => !_completions.TryTake(out _, 200);

    /// <summary>A list of pieces of guest memory, one after the other but apart.</summary>
    internal IoVectorList Pieces(ulong at, int count, int bytes)
    {
        var list = new IoVectorList(1, 1024);
        for (int i = 0; i < count; i++) Assert.True(list.TryAdd(Memory, new Gpa(at + ((ulong)i * 2 * (ulong)bytes)), bytes));
        return list;
    }

    internal static byte[] Pattern(int seed, int bytes)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }

    public void Dispose()
    {
        for (int i = 0; i < Lanes.Count; i++) Lanes[i].Invoke(_queues[i].Dispose);
        Disk.Dispose();
        foreach (Lane lane in Lanes) lane.Dispose();
        BackEnd.Dispose();
        Log.Dispose();
        Memory.Dispose();
        _completions.Dispose();
    }
}
