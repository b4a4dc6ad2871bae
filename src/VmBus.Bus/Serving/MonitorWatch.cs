using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;

namespace VmBus.Bus.Serving;

/// <summary>Looks at the guest's monitor page while a channel is open that has a bit there, and passes on what the guest tells.</summary>
/// <remarks>
/// Used on the control lane; the timer posts to it, so that nothing looks at a page that the guest has taken back. Whatever the guest puts there costs
/// one signal for each channel and look. Source: protocol-spec/synic.md#monitor-page.
/// </remarks>
internal sealed class MonitorWatch : IDisposable
{
    private static readonly TimeSpan Distance = TimeSpan.FromMilliseconds(1);

    private readonly GuestMemory _memory;
    private readonly Lane _control;
    private readonly Action _look;
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, (byte MonitorId, EventFd Kick)> _watched = [];
    private ulong _page;
    private ITimer? _timer;
    private bool _isPosted;

    public MonitorWatch(GuestMemory memory, Lane control) => (_memory, _control, _look) = (memory, control, Look);

    /// <summary>The guest has named another page, or none (0).</summary>
    public void SetPage(ulong page)
    {
        _page = page;
        Settle();
    }

    /// <summary>Has the channel's bit wake it.</summary>
    public void Add(uint channelId, byte monitorId, EventFd kick)
    {
        _watched.Add(channelId, (monitorId, kick));
        Settle();
    }

    /// <summary>Ends it. A channel that is not watched is ignored.</summary>
    public void Remove(uint channelId)
    {
        if (_watched.Remove(channelId)) Settle();
    }

    /// <summary>Looks no more; any thread.</summary>
    public void Dispose()
    {
        // The lane outlives every channel, not a callback that is under way when the last one ends.
        lock (_lock)
        {
            _timer?.Dispose();
            _timer = null;
        }
    }

    private void Settle()
    {
        if (_page == 0 || _watched.Count == 0)
        {
            Dispose();
            return;
        }

        lock (_lock) _timer ??= TimeProvider.System.CreateTimer(_ => Tick(), null, Distance, Distance);
    }

    // A lane that is busy for longer than a look takes finds one look waiting, not many.
    private void Tick()
    {
        lock (_lock)
        {
            if (_timer is null || _isPosted) return;
            _isPosted = true;
            _control.Post(_look);
        }
    }

    private void Look()
    {
        lock (_lock) _isPosted = false;
        if (_page == 0) return;
        foreach ((byte id, EventFd kick) in _watched.Values)
        {
            if (MonitorTrigger.TryOpen(_memory, new Gpa(_page), id, out MonitorTrigger trigger) && trigger.TryTake()) kick.Signal();
        }
    }
}
