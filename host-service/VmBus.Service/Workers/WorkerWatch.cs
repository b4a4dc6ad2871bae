using System.Collections.Concurrent;
using VmBus.Native.Linux;

namespace VmBus.Service.Workers;

/// <summary>Tells when processes end: one thread for all of them, which sleeps until one does.</summary>
internal sealed class WorkerWatch : IDisposable
{
    private readonly EpollSet _set = EpollSet.Create();
    private readonly EventFd _stop = EventFd.Create();
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _waiting = new();
    private readonly Thread _thread;
    private ulong _last;

    /// <summary>Begins.</summary>
    public WorkerWatch()
    {
        _ = _set.Add(_stop.Descriptor, EpollSet.Readable, 0);
        _thread = new Thread(Watch, maxStackSize: 256 * 1024) { Name = "worker-watch", IsBackground = true };
        _thread.Start();
    }

    /// <summary>A task that is done when the process has ended.</summary>
    /// <exception cref="LinuxException">The host cannot watch more.</exception>
    public Task EndOf(RunningProcess process)
    {
        ulong id = Interlocked.Increment(ref _last);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = ended;
        int error = _set.Add(process.End.Descriptor, EpollSet.Readable | EpollSet.Once, id);
        return error == 0 ? ended.Task : throw new LinuxException($"Watching {process} failed", -error);
    }

    /// <summary>Watches no longer; tasks that wait are cancelled.</summary>
    public void Dispose()
    {
        _stop.Signal();
        _thread.Join();
        foreach (TaskCompletionSource waiting in _waiting.Values) waiting.TrySetCanceled();
        _set.Dispose();
        _stop.Dispose();
    }

    private void Watch()
    {
        Span<EpollEvent> ready = stackalloc EpollEvent[EpollSet.BatchEvents];
        while (true)
        {
            int count = _set.Wait(ready, -1);
            if (count < 0) Environment.FailFast($"Waiting for workers failed: {LinuxException.DescribeError(-count)}");
            foreach (EpollEvent one in ready[..count])
            {
                if (one.Data == 0) return;
                if (_waiting.TryRemove(one.Data, out TaskCompletionSource? ended)) ended.SetResult();
            }
        }
    }
}
