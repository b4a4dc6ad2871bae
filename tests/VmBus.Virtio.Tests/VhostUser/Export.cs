using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.VhostUser;

namespace VmBus.Virtio.Tests.VhostUser;

/// <summary>A disk in memory behind a vhost-user socket, and what it logs.</summary>
internal sealed class Export : ILogger, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-virtio-").FullName;
    private readonly Lane _lane;
    private readonly List<string> _lines = [];
    private int _ended;

    internal Export(FakeDisk? disk = null, int frontEnds = 8, int queues = 2, string? socket = null)
    {
        Disk = disk ?? new FakeDisk();
        _lane = Lane.Start("virtio-test", this, new LaneOptions());
        Socket = socket ?? Path.Combine(_folder, "s");
        Server = VhostUserServer.Listen(Socket, () => Device = new BlockDevice(Disk, "serial", queues), [_lane], frontEnds, this);
    }

    internal FakeDisk Disk { get; }

    /// <summary>The device of the front-end that came last.</summary>
    internal BlockDevice Device { get; private set; } = null!;

    internal string Socket { get; }

    internal VhostUserServer Server { get; }

    /// <summary>Ends what the disk has been holding back.</summary>
    internal void CompleteLate() => _lane.Invoke(Disk.CompleteAll);

    /// <summary>Waits for a line of the log.</summary>
    internal string WaitForLine(string part)
    {
        string? found = null;
        bool seen = SpinWait.SpinUntil(() => (found = Find(part)) is not null, TimeSpan.FromSeconds(30));
        return seen ? found! : throw new TimeoutException($"No line has '{part}': {string.Join(" | ", _lines)}");
    }

    internal int Count(string part)
    {
        lock (_lines) return _lines.Count(line => line.Contains(part, StringComparison.Ordinal));
    }

    /// <summary>Ends the back-end, once: the connections at once, and its threads when its disk holds nothing back.</summary>
    internal void End()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0) Server.Dispose();
    }

    public void Dispose()
    {
        End();
        _lane.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines) _lines.Add(formatter(state, exception));
    }

    internal string? Find(string part)
    {
        lock (_lines) return _lines.Find(line => line.Contains(part, StringComparison.Ordinal));
    }
}
