using Microsoft.Extensions.Logging;
using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine.Processors;

/// <summary>One virtual processor and the thread that runs it.</summary>
/// <remarks>
/// The thread runs the guest, answers its exits and looks for a stop request before every entry. A stop sets the run page's immediate_exit
/// first and signals the thread second, so that a thread just about to enter returns at once.
/// </remarks>
internal sealed class VirtualProcessor : IDisposable
{
    // The stack of run loop and devices; nothing recurses.
    private const int StackBytes = 512 * 1024;

    private readonly KvmVcpu _vcpu;
    private readonly Lock _gate = new();
    private Thread? _thread;
    private int _threadId;
    private bool _stopRequested;

    internal VirtualProcessor(int index, KvmVcpu vcpu)
    {
        Index = index;
        _vcpu = vcpu;
    }

    /// <summary>The processor's number.</summary>
    internal int Index { get; }

    /// <summary>Its exits.</summary>
    internal ProcessorCounters Counters { get; } = new();

    /// <summary>The vCPU.</summary>
    internal KvmVcpu Vcpu => _vcpu;

    /// <summary>Whether the caller runs on this processor's thread.</summary>
    internal bool IsCurrent => ReferenceEquals(Thread.CurrentThread, _thread);

    /// <inheritdoc/>
    public void Dispose() => _vcpu.Dispose();

    /// <summary>Starts the thread.</summary>
    /// <param name="dispatcher">Answers the exits.</param>
    /// <param name="onExit">Called on the thread when an exit ends the machine.</param>
    /// <param name="onEnd">Called on the thread as the last thing it does.</param>
    /// <param name="logger">For the critical line before the process ends.</param>
    internal void Start(ExitDispatcher dispatcher, Action<MachineExit> onExit, Action onEnd, ILogger logger)
    {
        _thread = new Thread(() => Main(dispatcher, onExit, onEnd, logger), StackBytes) { Name = $"vcpu-{Index}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Has the thread end as soon as it is out of the guest. Any thread; does not wait.</summary>
    internal void RequestStop()
    {
        Volatile.Write(ref _stopRequested, true);
        _vcpu.RequestExit();
        lock (_gate)
        {
            // 0 before the thread has begun and after it has ended: then nothing is to be interrupted.
            if (_threadId != 0) KickSignal.Send(_threadId);
        }
    }

    /// <summary>Waits for the thread's end.</summary>
    internal void Join() => _thread?.Join();

    private void Main(ExitDispatcher dispatcher, Action<MachineExit> onExit, Action onEnd, ILogger logger)
    {
        bool held = false;
        try
        {
            _vcpu.DangerousAddRef(ref held);
            lock (_gate) _threadId = KickSignal.CurrentThreadId;
            MachineExit? exit = Run(dispatcher);
            lock (_gate) _threadId = 0;
            if (exit is not null) onExit(exit);
            _vcpu.DangerousRelease();
            onEnd();
        }
        catch (Exception e)
        {
            // A guest whose processor is gone while its devices run on is worse than no guest.
            MachineLog.ThreadDied(logger, $"vcpu-{Index}", e);
            Environment.FailFast($"The thread vcpu-{Index} ended unexpectedly.", e);
        }
    }

    private MachineExit? Run(ExitDispatcher dispatcher)
    {
        while (!Volatile.Read(ref _stopRequested))
        {
            int errno = _vcpu.Run();
            if (errno is Errno.EINTR or Errno.EAGAIN)
            {
                Counters.Interruptions++;
                continue;
            }

            MachineExit? exit = errno == 0
                ? dispatcher.Answer(Index, _vcpu, Counters)
                : dispatcher.Failed(Index, _vcpu, $"KVM_RUN failed ({LinuxException.DescribeError(errno)})");
            if (exit is not null) return exit;
        }

        return null;
    }
}
