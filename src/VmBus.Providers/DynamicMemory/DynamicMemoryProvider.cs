using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Protocol.DynamicMemory;

namespace VmBus.Providers.DynamicMemory;

/// <summary>Hyper-V's dynamic memory: a guest gives pages back, takes them again, and uses memory that is added while it runs.</summary>
/// <remarks>
/// Any thread. It stays offered over closes, reopens and resets. What the guest gave back when its driver went away it cannot have again before a
/// reset: nobody there knows of it any more. Source: protocol-spec/dynamic-memory.md.
/// </remarks>
public sealed class DynamicMemoryProvider : IChannelDevice, IDisposable
{
    private readonly IMemorySource _memory;
    private readonly TimeProvider _clock;
    private readonly DynamicMemoryLog _log;
    private readonly Lock _gate = new();
    private readonly BalloonedPages _ballooned;
    private DynamicMemoryEndpoint? _endpoint;
    private Goal? _goal;
    private uint? _version;
    private DynamicMemoryCapabilities _capabilities;
    private MemoryStatus? _status;
    private long _lostPages;
    private bool _isReady;

    /// <summary>A service that the guest has not opened.</summary>
    /// <param name="memory">What it changes; its sizes are whole pages.</param>
    /// <param name="clock">For its time limits.</param>
    /// <param name="logger">Where it reports.</param>
    public DynamicMemoryProvider(IMemorySource memory, TimeProvider clock, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _clock = clock;
        _log = new DynamicMemoryLog(logger);
        _ballooned = new BalloonedPages(memory);
    }

    /// <summary>The interface type and the instance of the one offer that a guest takes. Source: protocol-spec/dynamic-memory.md#offer.</summary>
    public static (Guid InterfaceType, Guid Instance) Ids { get; } =
        (new("525074dc-8985-46e2-8057-a307dc18a502"), new("1eccfd72-4b41-45ef-b73a-4a6e44c12924"));

    /// <inheritdoc/>
    public ChannelOffer Offer { get; } = new(Ids.InterfaceType, Ids.Instance);

    /// <summary>How the memory stands.</summary>
    public DynamicMemoryInfo Describe()
    {
        lock (_gate) return DescribeLocked();
    }

    /// <summary>Has the guest give pages back or take more, until it has <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What it is to have; memory is added in units that the guest names, so it may come out a little less.</param>
    /// <param name="cancellation">Gives it up: the guest stays as it is then.</param>
    /// <returns>How the memory stands when the size is reached.</returns>
    /// <exception cref="DynamicMemoryException">The guest cannot, or not all of it; the message says what it has.</exception>
    public async Task<DynamicMemoryInfo> SetAsync(long bytes, CancellationToken cancellation = default)
    {
        if (bytes < Gpa.PageBytes || bytes > _memory.MaximumBytes)
            throw new DynamicMemoryException($"the guest cannot have {Mebibytes(bytes)}: choose 1 MiB to {Mebibytes(_memory.MaximumBytes)}, the most that it was started with.");
        var goal = new Goal(bytes / Gpa.PageBytes);
        DynamicMemoryEndpoint endpoint;
        lock (_gate)
        {
            if (!_isReady || _endpoint is not { } ready) throw new DynamicMemoryException("the guest has no driver for it, or is not that far yet.");
            endpoint = ready;
            EndLocked("another size was asked for before this one was reached");
            _goal = goal;
        }

        endpoint.Wake();
        using CancellationTokenRegistration registration = cancellation.Register(() =>
        {
            lock (_gate)
            {
                if (_goal == goal) _goal = null;
            }

            goal.Outcome.TrySetCanceled(cancellation);
        });
        return await goal.Outcome.Task.ConfigureAwait(false);
    }

    /// <summary>The machine has been reset and every channel is closed: what was given back or added is as it was at the start.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _ballooned.Clear();
            _lostPages = 0;
            _status = null;
        }
    }

    /// <summary>Ends waits. The bus has ended.</summary>
    public void Dispose()
    {
        lock (_gate) EndLocked("the partition has ended");
    }

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        return channel.SubchannelIndex == 0 ? Open(new MemoryChannel(channel)) : null;
    }

    /// <summary>Opens a channel of whatever kind.</summary>
    internal DynamicMemoryEndpoint Open(IMemoryChannel channel)
    {
        var endpoint = new DynamicMemoryEndpoint(this, channel, _memory, _clock, _log);
        lock (_gate)
        {
            _endpoint = endpoint;
            _isReady = false;
        }

        return endpoint;
    }

    /// <summary>The driver serves requests from now on.</summary>
    internal void EndpointReady(uint version, DynamicMemoryCapabilities capabilities)
    {
        lock (_gate) (_isReady, _version, _capabilities) = (true, version, capabilities);
    }

    /// <summary>The channel has closed.</summary>
    internal void EndpointClosed(DynamicMemoryEndpoint endpoint)
    {
        lock (_gate)
        {
            _lostPages += _ballooned.Count;
            _ballooned.Clear();
            if (_endpoint != endpoint) return;
            (_endpoint, _isReady, _version, _capabilities, _status) = (null, false, null, DynamicMemoryCapabilities.None, null);
            EndLocked("the guest's driver went away, or the guest was reset, before it was done");
        }
    }

    /// <summary>The guest says what it uses.</summary>
    internal void Report(MemoryStatus status)
    {
        lock (_gate) _status = status;
    }

    /// <summary>Pages that the guest lacks of what it is to have; fewer than none when it has too many. Null when nothing is asked for.</summary>
    internal long? MissingPages()
    {
        lock (_gate) return _goal is { } goal ? goal.Pages - AssignedPages : null;
    }

    /// <summary>The guest gives pages.</summary>
    /// <returns>False when it cannot have them.</returns>
    internal bool TryTake(PageRun pages)
    {
        lock (_gate) return _ballooned.TryAdd(pages);
    }

    /// <summary>Pages for the guest, which are its own as soon as it hears of them.</summary>
    internal int GiveBack(Span<PageRange> ranges, long maximumPages)
    {
        lock (_gate) return _ballooned.Take(ranges, maximumPages);
    }

    /// <summary>What was asked for is done, as far as it can be.</summary>
    internal void Reached()
    {
        lock (_gate)
        {
            if (_goal is not { } goal) return;
            _goal = null;
            DynamicMemoryInfo info = DescribeLocked();
            _log.Sized(info.AssignedBytes);
            goal.Outcome.TrySetResult(info);
        }
    }

    /// <summary>What was asked for cannot be done.</summary>
    internal void Stopped(string why)
    {
        lock (_gate) EndLocked(why);
    }

    private long AssignedPages => ((_memory.StartBytes + _memory.AddedBytes) / Gpa.PageBytes) - _ballooned.Count - _lostPages;

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20)} MiB");

    private void EndLocked(string why)
    {
        if (_goal is not { } goal) return;
        _goal = null;
        goal.Outcome.TrySetException(new DynamicMemoryException($"{why}; it has {Mebibytes(AssignedPages * Gpa.PageBytes)}."));
    }

    private DynamicMemoryInfo DescribeLocked() => new(
        _isReady,
        _version,
        _capabilities,
        _memory.StartBytes,
        _memory.MaximumBytes,
        AssignedPages * Gpa.PageBytes,
        (_ballooned.Count + _lostPages) * Gpa.PageBytes,
        _memory.AddedBytes,
        _goal?.Pages * Gpa.PageBytes,
        Bytes(_status?.Available),
        Bytes(_status?.Committed));

    // Any number may come from the guest.
    private static long? Bytes(ulong? pages) => pages is { } count ? (long)Math.Min(count, long.MaxValue / Gpa.PageBytes) * Gpa.PageBytes : null;

    private sealed class Goal(long pages)
    {
        public long Pages { get; } = pages;

        public TaskCompletionSource<DynamicMemoryInfo> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
