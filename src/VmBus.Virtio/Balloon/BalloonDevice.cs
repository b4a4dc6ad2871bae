using System.Buffers.Binary;
using System.Globalization;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Balloon;

/// <summary>A virtio memory balloon: the driver gives pages to the host and takes them back when told to, and tells of pages that it does not use.</summary>
/// <remarks>Any thread, but queues. Source: virtio 1.3, 5.5; protocol-spec/virtio.md#balloon.</remarks>
public sealed class BalloonDevice : IVirtioDevice
{
    /// <summary>How long a driver that was told of a size may do nothing.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const int InflateQueue = 0;
    private const int DeflateQueue = 1;
    private const int StatisticsQueue = 2;
    private const int Queues = 4;
    private const int QueueSize = 128;

    private readonly GuestMemory _memory;
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private readonly BalloonPages _pages;
    private Goal? _goal;
    private uint _wanted;
    private uint _actual;
    private long? _available;
    private bool _isReady;

    /// <summary>An empty balloon.</summary>
    /// <param name="memory">The guest's RAM, at most 16 TiB.</param>
    /// <param name="clock">For time limits.</param>
    public BalloonDevice(GuestMemory memory, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _clock = clock;
        _pages = new BalloonPages(memory);
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Balloon;

    /// <inheritdoc/>
    public string Name => "balloon";

    /// <inheritdoc/>
    public ulong Features => (ulong)Virtqueue.Features | (ulong)(BalloonFeatures.Statistics | BalloonFeatures.Reporting);

    /// <inheritdoc/>
    public int QueueCount => Queues;

    /// <inheritdoc/>
    public int FrontEndQueueCount => Queues;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <summary>How it stands.</summary>
    public BalloonInfo Describe()
    {
        lock (_gate) return DescribeLocked();
    }

    /// <summary>Has the guest give pages back or take them, until it has <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What it is to have.</param>
    /// <param name="cancellation">Gives it up: the guest stays as it is then.</param>
    /// <returns>How the balloon stands when that is reached.</returns>
    /// <exception cref="IOException">The guest cannot, or not all of it; the message says what it has.</exception>
    public async Task<BalloonInfo> SetAsync(long bytes, CancellationToken cancellation = default)
    {
        if (bytes < Gpa.PageBytes || bytes > (long)_memory.Bytes)
            throw new IOException($"Memory balloon: the guest cannot have {Mebibytes(bytes)}: choose 1 MiB to {Mebibytes((long)_memory.Bytes)}, what it was started with.");
        var goal = new Goal(bytes);
        lock (_gate)
        {
            if (!_isReady) throw new IOException("Memory balloon: the guest has no driver for it, or is not that far yet.");
            EndLocked("another size was asked for before this one was reached");
            _goal = goal;
            _wanted = (uint)(((long)_memory.Bytes - bytes) / Gpa.PageBytes);
            goal.Limit = _clock.CreateTimer(_ => GiveUp(goal), null, Patience, Timeout.InfiniteTimeSpan);
            LookLocked();
        }

        ConfigChanged?.Invoke();
        using CancellationTokenRegistration registration = cancellation.Register(() => GiveUp(goal, cancellation));
        return await goal.Outcome.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public int LaneOf(int queue) => 0;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        lock (_gate) new BalloonConfig(_wanted, _actual).Write(destination);
        return BalloonConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        if (offset != BalloonConfig.ActualOffset || source.Length != sizeof(uint)) return false;
        lock (_gate)
        {
            uint actual = BinaryPrimitives.ReadUInt32LittleEndian(source);
            if (actual != _actual) _goal?.Limit?.Change(Patience, Timeout.InfiniteTimeSpan);
            _actual = actual;
            LookLocked();
        }

        return true;
    }

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        switch (index)
        {
            case InflateQueue:
                lock (_gate) _isReady = true;
                return new BalloonPageQueue(this, queue, inflates: true);
            case DeflateQueue:
                return new BalloonPageQueue(this, queue, inflates: false);
            case StatisticsQueue when (features & (ulong)BalloonFeatures.Statistics) != 0:
                return new BalloonStatistics(this, queue, lane, _clock);
            default:
                return new BalloonReports(_memory, queue);
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_gate)
        {
            _isReady = false;
            _pages.Clear();
            _available = null;
            EndLocked("the guest's driver went away, or the guest was reset, before it was done");
            (_wanted, _actual) = (0, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate) EndLocked("the partition has ended");
    }

    /// <summary>The driver puts pages in or takes them out.</summary>
    internal void Move(Span<uint> pages, bool inflates)
    {
        lock (_gate)
        {
            if (inflates) _pages.Add(pages);
            else _pages.Take(pages);
        }
    }

    /// <summary>The driver says what its programs could still have.</summary>
    internal void Report(ulong available)
    {
        lock (_gate) _available = (long)Math.Min(available, long.MaxValue);
    }

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20)} MiB");

    private void LookLocked()
    {
        if (_goal is not { } goal || _actual != _wanted) return;
        _goal = null;
        goal.Limit?.Dispose();
        goal.Outcome.TrySetResult(DescribeLocked());
    }

    private void GiveUp(Goal goal, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            if (_goal != goal) return;
            if (cancellation.IsCancellationRequested)
            {
                goal.Limit?.Dispose();
                goal.Outcome.TrySetCanceled(cancellation);
                _goal = null;
            }
            else
            {
                EndLocked("the guest gives and takes nothing more");
            }

            // What it has done it keeps, and is asked for nothing else.
            _wanted = _actual;
        }

        ConfigChanged?.Invoke();
    }

    private void EndLocked(string why)
    {
        if (_goal is not { } goal) return;
        _goal = null;
        goal.Limit?.Dispose();
        goal.Outcome.TrySetException(new IOException($"Memory balloon: {why}; it has {Mebibytes((long)_memory.Bytes - (_pages.Count * Gpa.PageBytes))}."));
    }

    private BalloonInfo DescribeLocked() => new(_isReady, (long)_memory.Bytes, _pages.Count * Gpa.PageBytes, _goal?.Bytes, _available);

    private sealed class Goal(long bytes)
    {
        public long Bytes => bytes;

        public ITimer? Limit { get; set; }

        public TaskCompletionSource<BalloonInfo> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
