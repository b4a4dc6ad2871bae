using Microsoft.Extensions.Logging;
using VmBus.Memory.Guest;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>
/// The host's side of the synthetic interrupt controller: event flags and messages towards the guest, signals from it.
/// </summary>
/// <remarks>
/// Any thread. <see cref="Raise"/> is for data paths: it allocates nothing and takes only its processor's lock. Messages go to one processor
/// at a time, in order; when its slot is busy they wait here, and <see cref="EndOfMessage"/> says when to call <see cref="Pump"/>. After the
/// machine was disposed every member does nothing. Source: protocol-spec/synic.md.
/// </remarks>
public sealed class Synic
{
    /// <summary>Most bytes of one message.</summary>
    public const int MaximumMessageBytes = MessageSlot.MaximumPayloadBytes;

    private const uint ChannelMessageType = 1;
    private const ulong SourceVector = 0xFF;
    private const ulong SourceMasked = 1 << 16;

    // Those below are exceptions.
    private const ulong FirstVector = 16;

    private readonly ILogger _logger;
    private readonly ISynicKernel _kernel;
    private readonly SynicProcessor[] _processors;
    private readonly MessageQueue _queue = new();
    private readonly GuestLogLimiter _queueFull = new();
    private readonly GuestLogLimiter _badPage = new();

    // Guards the queue, the target and the bindings. Taken before a processor's lock, never the other way round.
    private readonly Lock _gate = new();
    private int _target;
    private bool _closed;

    internal Synic(GuestMemory memory, int processorCount, ISynicKernel kernel, ILogger logger)
    {
        _logger = logger;
        _kernel = kernel;
        _processors = new SynicProcessor[processorCount];
        EndOfMessage = EventFd.Create();
        try
        {
            for (int i = 0; i < processorCount; i++)
            {
                _processors[i] = new SynicProcessor(memory, EventFd.Create());
                int errno = kernel.AssignInterrupt(i, _processors[i].Interrupt, i == _target ? EndOfMessage : null);
                if (errno != 0) throw new LinuxException($"Connecting the VMBus interrupt of virtual processor {i} failed", errno);
            }
        }
        catch
        {
            Close();
            DisposeDescriptors();
            throw;
        }
    }

    /// <summary>
    /// Signalled when the guest may have freed the message slot. It is signalled at every VMBus interrupt of the message processor too, so wait
    /// for it only while <see cref="IsWaitingForSlot"/>. Disposed with the machine: stop waiting before that.
    /// </summary>
    public EventFd EndOfMessage { get; }

    /// <summary>Whether messages wait for the guest: call <see cref="Pump"/> when <see cref="EndOfMessage"/> is signalled.</summary>
    public bool IsWaitingForSlot
    {
        get
        {
            lock (_gate) return _queue.Count > 0;
        }
    }

    /// <summary>How many messages wait for the guest.</summary>
    public int QueuedMessages
    {
        get
        {
            lock (_gate) return _queue.Count;
        }
    }

    /// <summary>The virtual processor that receives messages; 0 at first.</summary>
    public uint MessageTarget
    {
        get
        {
            lock (_gate) return (uint)_target;
        }
    }

    /// <summary>Chooses the virtual processor that receives messages from now on, those that wait included.</summary>
    /// <returns>False, with nothing changed, when there is no such processor or the kernel refuses.</returns>
    public bool SetMessageTarget(uint virtualProcessor)
    {
        lock (_gate)
        {
            if (_closed || virtualProcessor >= (uint)_processors.Length) return false;
            int target = (int)virtualProcessor;
            if (target == _target) return true;

            // Only one interrupt can carry the end-of-message eventfd: it moves from the old processor's to the new one's.
            int errno = Reassign(_target, null);
            if (errno == 0) errno = Reassign(target, EndOfMessage);
            if (errno != 0)
            {
                _ = Reassign(target, null);
                _ = Reassign(_target, EndOfMessage);
                MachineLog.MessageTargetRefused(_logger, target, LinuxException.DescribeError(errno));
                return false;
            }

            _target = target;
            PumpHeld();
            return true;
        }
    }

    /// <summary>Queues one channel message and delivers what the slot takes.</summary>
    /// <param name="payload">At most <see cref="MaximumMessageBytes"/>; copied.</param>
    /// <returns>False when the guest has taken no message for so long that the queue is full: the message is dropped and logged.</returns>
    public bool PostMessage(ReadOnlySpan<byte> payload)
    {
        lock (_gate)
        {
            if (_closed) return true;
            if (!_queue.TryAdd(payload))
            {
                if (_queueFull.TryEnter(out long suppressed)) MachineLog.MessageQueueFull(_logger, _queue.Count, suppressed);
                return false;
            }

            // A message behind others only has to be announced; the slot is theirs.
            PumpHeld();
            return true;
        }
    }

    /// <summary>Delivers waiting messages until the slot is busy again.</summary>
    public void Pump()
    {
        lock (_gate) PumpHeld();
    }

    /// <summary>Drops the messages that wait; what is in the slot belongs to the guest.</summary>
    public void ClearMessages()
    {
        lock (_gate) _queue.Clear();
    }

    /// <summary>
    /// Has the guest's HvSignalEvent on <paramref name="connectionId"/> (24 bits) with flag 0 write <paramref name="kick"/>, inside the kernel.
    /// </summary>
    /// <returns>False when the id is bound already, has more than 24 bits, or the kernel has no memory.</returns>
    public bool TryBind(uint connectionId, EventFd kick)
    {
        lock (_gate) return !_closed && _kernel.BindEvent(connectionId, kick) == 0;
    }

    /// <summary>Ends <see cref="TryBind"/>: when this returns the kernel writes the eventfd no more. Unknown ids are ignored.</summary>
    public void Unbind(uint connectionId)
    {
        lock (_gate)
        {
            if (!_closed) _ = _kernel.UnbindEvent(connectionId);
        }
    }

    /// <summary>Sets event flag <paramref name="flag"/> (a channel id) of a virtual processor and interrupts it.</summary>
    /// <remarks>
    /// A processor whose event page is off or whose interrupt is masked keeps the flag, and is interrupted when that is over. A processor or a flag (2048 on) that does
    /// not exist is ignored.
    /// </remarks>
    public void Raise(uint virtualProcessor, uint flag)
    {
        if (virtualProcessor < (uint)_processors.Length && flag < EventFlagBlock.FlagCount) _processors[virtualProcessor].Raise(flag);
    }

    /// <summary>A processor has written its controller's registers; it does not run again before this returns. On its vCPU thread.</summary>
    internal void Update(int processor, ulong control, ulong eventPage, ulong messagePage)
    {
        bool valid = _processors[processor].Update(control, eventPage, messagePage);
        if (!valid && _badPage.TryEnter(out long suppressed)) MachineLog.SynicPageNotRam(_logger, processor, eventPage, messagePage, suppressed);

        WakeSender(processor);
    }

    /// <summary>A processor writes the register of its VMBus interrupt source; it does not run again before this returns. On its vCPU thread.</summary>
    /// <returns>False when there is no such interrupt: the write is an exception in the guest, and nothing has changed.</returns>
    internal bool TrySetSource(int processor, ulong value)
    {
        bool masked = (value & SourceMasked) != 0;
        // The kernel checks what guests write, and not what its user does.
        if (!masked && (value & SourceVector) < FirstVector) return false;
        if (!_kernel.TrySetSource(processor, value)) return false;
        _processors[processor].SetMask(masked);
        WakeSender(processor);
        return true;
    }

    /// <summary>Ends every use of guest memory and of the kernel.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _queue.Clear();
        }

        foreach (SynicProcessor? processor in _processors) processor?.Close();
    }

    /// <summary>Closes the eventfds. Comes after <see cref="Close"/> and after the VM is gone.</summary>
    internal void DisposeDescriptors()
    {
        foreach (SynicProcessor? processor in _processors) processor?.Dispose();
        EndOfMessage.Dispose();
    }

    // The thread that waits for the slot delivers; a processor's thread only wakes it.
    private void WakeSender(int processor)
    {
        lock (_gate)
        {
            if (!_closed && processor == _target && _queue.Count > 0) EndOfMessage.Signal();
        }
    }

    private int Reassign(int processor, EventFd? endOfMessage)
    {
        EventFd trigger = _processors[processor].Interrupt;
        _ = _kernel.ReleaseInterrupt(processor, trigger);
        return _kernel.AssignInterrupt(processor, trigger, endOfMessage);
    }

    private void PumpHeld()
    {
        if (_closed) return;
        SynicProcessor processor = _processors[_target];
        while (_queue.Count > 0)
        {
            if (processor.TryDeliver(ChannelMessageType, _queue.Peek(), _queue.Count > 1, EndOfMessage) != MessageOutcome.Delivered) return;
            _queue.RemoveFirst();
        }
    }
}
