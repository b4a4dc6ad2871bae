using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Virtio.Queues;
using VmBus.Virtio.Tests.Queues;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>A virtqueue whose ring the driver fills with anything, between any two steps of the device. What is taken lies in memory.</summary>
internal abstract class VirtqueueTarget : IFuzzTarget
{
    private const ulong MemoryBytes = 1 << 20;
    private const int QueueSize = 16;

    private readonly DescriptorChain[] _chains = [.. Enumerable.Range(0, QueueSize + 1).Select(static _ => new DescriptorChain())];
    private readonly byte[] _scratch = new byte[4096];

    public abstract string Name { get; }

    public abstract string What { get; }

    public abstract IEnumerable<byte[]> Seeds { get; }

    protected abstract GuestMemory Memory { get; }

    protected abstract Virtqueue Open(bool eventIndex);

    /// <summary>Describes a buffer, well or not.</summary>
    protected abstract void Describe(ref FuzzInput input);

    /// <summary>Where the driver's rings lie.</summary>
    protected abstract ulong[] Areas { get; }

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        foreach (ulong area in Areas) _ = Memory.TryWrite(new Gpa(area), new byte[512]);
        Virtqueue queue = Open((steps.Byte() & 1) != 0);
        var taken = new Queue<DescriptorChain>();
        var free = new Stack<DescriptorChain>(_chains);
        while (!steps.IsEmpty)
        {
            switch (steps.Byte() % 6)
            {
                case 0:
                    byte[] bytes = steps.Block(64);
                    _ = Memory.TryWrite(new Gpa(Areas[steps.Below(Areas.Length)] + (ulong)steps.Below(448)), bytes);
                    break;
                case 1:
                    Describe(ref steps);
                    break;
                case 2:
                    if (!free.TryPop(out DescriptorChain? chain)) break;
                    if (queue.TryTake(chain) == QueueTake.Taken) taken.Enqueue(chain);
                    else free.Push(chain);
                    Must(taken.Count <= QueueSize, "More requests than the ring holds.");
                    break;
                case 3:
                    if (!taken.TryDequeue(out DescriptorChain? done)) break;
                    Use(done);
                    queue.Complete(done, (uint)Math.Min(steps.Number(), done.WritableBytes));
                    free.Push(done);
                    break;
                case 4:
                    _ = queue.Publish();
                    break;
                default:
                    if (queue.Problem is null) _ = queue.EnableKicks();
                    if (queue.Problem is null) queue.DisableKicks();
                    break;
            }
        }
    }

    public void Dispose() => Memory.Dispose();

    // As a device does: reads what is to be read, and writes what is to be written.
    private void Use(DescriptorChain chain)
    {
        Must(chain.PieceCount <= DescriptorChain.MaximumPieces, $"A chain of {chain.PieceCount} pieces.");
        Must(chain.ReadableBytes >= 0 && chain.WritableBytes >= 0, "A chain of less than nothing.");
        int readable = (int)Math.Min(chain.ReadableBytes, _scratch.Length), writable = (int)Math.Min(chain.WritableBytes, 64);
        _ = chain.TryRead(Memory, 0, _scratch.AsSpan(0, readable));
        _ = chain.TryWrite(Memory, 0, _scratch.AsSpan(0, writable));
        for (int i = 0; chain.TryGetWritable(i, out Gpa start, out uint bytes); i++)
        {
            Must(i <= DescriptorChain.MaximumPieces, "Pieces without end.");
            _ = Memory.Contains(start, bytes);
        }
    }
}

/// <summary>The split ring.</summary>
internal sealed class SplitQueueTarget : VirtqueueTarget
{
    private SplitDriver _driver = new();

    public override string Name => "virtqueue-split";

    public override string What => "split virtqueues";

    public override IEnumerable<byte[]> Seeds => [[0, 1, 0, 0, 1, 0, 0, 16, 1, 2, 3, 16, 4], [1, 1, 0, 1, 1, 0, 1, 16, 1, 1, 0, 2, 0, 8, 0, 2, 3, 0, 4, 5]];

    protected override GuestMemory Memory => _driver.Memory;

    protected override ulong[] Areas { get; } = [SplitDriver.DescriptorsAt, SplitDriver.AvailableAt, SplitDriver.UsedAt, SplitDriver.Buffers];

    protected override Virtqueue Open(bool eventIndex)
    {
        _driver = new SplitDriver(eventIndex: eventIndex, memory: _driver.Memory);
        return _driver.Open();
    }

    protected override void Describe(ref FuzzInput input)
    {
        int index = input.Byte() & 15;
        var flags = (VmBus.Protocol.Virtio.DescriptorFlags)(input.Byte() & 7);
        ulong address = SplitDriver.Buffers + ((ulong)input.Byte() << 4);
        if ((input.Byte() & 63) == 63) address = input.UInt64();
        _driver.Describe(index, address, input.Number(), flags, input.Byte());
        if ((input.Byte() & 1) != 0) _driver.Offer((ushort)index);
    }
}

/// <summary>The packed ring.</summary>
internal sealed class PackedQueueTarget : VirtqueueTarget
{
    private readonly PackedDriver _plain = new(), _events = new(eventIndex: true);
    private PackedDriver _driver;

    public PackedQueueTarget() => _driver = _plain;

    public override string Name => "virtqueue-packed";

    public override string What => "packed virtqueues";

    public override IEnumerable<byte[]> Seeds => [[0, 1, 0, 0, 16, 0, 1, 2, 3, 16, 4], [1, 1, 0, 2, 200, 0, 1, 1, 0, 0, 8, 0, 1, 2, 2, 3, 0, 3, 0, 4, 5]];

    protected override GuestMemory Memory => _driver.Memory;

    protected override ulong[] Areas { get; } = [PackedDriver.RingAt, PackedDriver.DriverEventAt, PackedDriver.Buffers];

    protected override Virtqueue Open(bool eventIndex)
    {
        _driver = eventIndex ? _events : _plain;
        foreach (ulong area in Areas) _ = Memory.TryWrite(new Gpa(area), new byte[512]);
        _driver.Next = _driver.Used = (0, true);
        return _driver.Open();
    }

    protected override void Describe(ref FuzzInput input)
    {
        ulong address = PackedDriver.Buffers + ((ulong)input.Byte() << 4);
        var flags = (VmBus.Protocol.Virtio.DescriptorFlags)(input.Byte() & 6);
        uint bytes = input.Number();
        if ((input.Byte() & 63) == 63) address = input.UInt64();
        _driver.Offer(input.Byte(), (address, bytes, flags));
    }
}
