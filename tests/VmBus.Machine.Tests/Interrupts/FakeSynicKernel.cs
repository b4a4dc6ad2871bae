using VmBus.Machine.Interrupts;
using VmBus.Native.Linux;

namespace VmBus.Machine.Tests.Interrupts;

/// <summary>Records what the synthetic interrupt controller asks of KVM; interrupts stay in their eventfds, where tests count them.</summary>
internal sealed class FakeSynicKernel : ISynicKernel
{
    internal Dictionary<int, (EventFd Trigger, EventFd? EndOfMessage)> Assigned { get; } = [];

    internal Dictionary<uint, EventFd> Bound { get; } = [];

    /// <summary>The registers of the processors' VMBus interrupt sources.</summary>
    internal Dictionary<int, ulong> Sources { get; } = [];

    /// <summary>What assigning the interrupt of a processor answers.</summary>
    internal Func<int, EventFd?, int> AssignAnswer { get; set; } = (_, _) => 0;

    public int AssignInterrupt(int processor, EventFd trigger, EventFd? endOfMessage)
    {
        int errno = AssignAnswer(processor, endOfMessage);
        if (errno == 0) Assigned.Add(processor, (trigger, endOfMessage));
        return errno;
    }

    public int ReleaseInterrupt(int processor, EventFd trigger) => Assigned.Remove(processor) ? 0 : Errno.ENOENT;

    public bool TrySetSource(int processor, ulong value)
    {
        Sources[processor] = value;
        return true;
    }

    public int BindEvent(uint connectionId, EventFd target)
    {
        if (connectionId > 0xFF_FFFF) return Errno.EINVAL;
        return Bound.TryAdd(connectionId, target) ? 0 : Errno.EEXIST;
    }

    public int UnbindEvent(uint connectionId) => Bound.Remove(connectionId) ? 0 : Errno.ENOENT;

    /// <summary>Interrupts of a processor since the last call.</summary>
    internal ulong TakeInterrupts(int processor) => Assigned[processor].Trigger.Drain();
}
