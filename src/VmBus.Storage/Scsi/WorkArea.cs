using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Storage.Scsi;

/// <summary>Memory for a command whose data the host itself looks at: comparing, repeating, verifying.</summary>
internal sealed class WorkArea : IDisposable
{
    /// <summary>The size of each buffer: the step in which long commands go over the medium.</summary>
    internal const int BufferBytes = 128 << 10;

    /// <summary>The most ranges that one UNMAP may name.</summary>
    internal const int MaximumRanges = 256;

    /// <summary>Bytes for, or from, the guest.</summary>
    internal BounceBuffer Guest { get; } = new(BufferBytes);

    /// <summary>Bytes read from the medium.</summary>
    internal BounceBuffer Media { get; } = new(BufferBytes);

    /// <summary>The ranges of an UNMAP: offset and length on the medium, in bytes.</summary>
    internal (long Offset, long Bytes)[] Ranges { get; } = new (long, long)[MaximumRanges];

    private IoVectorList List { get; } = new(1, 1);

    /// <summary>The start of a buffer as a list for a disk operation, valid until the next call.</summary>
    internal IoVectorList ListOf(BounceBuffer buffer, int bytes)
    {
        List.Clear();
        List.TryAdd(buffer, bytes);
        return List;
    }

    public void Dispose()
    {
        List.Dispose();
        Guest.Dispose();
        Media.Dispose();
    }
}

/// <summary>The work areas of one queue: a few, so that a guest cannot make the host allocate by queueing long commands.</summary>
internal sealed class WorkAreaPool : IDisposable
{
    private const int Maximum = 4;

    private readonly Stack<WorkArea> _free = new(Maximum);
    private readonly Queue<ScsiTask> _waiting = new();
    private int _made;
    private bool _serving;

    /// <summary>Gives <paramref name="task"/> a work area, now or later.</summary>
    internal void Request(ScsiTask task)
    {
        if (_waiting.Count == 0 && TryTake(out WorkArea? work)) task.GoOn(work);
        else _waiting.Enqueue(task);
    }

    /// <summary>Takes one back; a waiting task goes on with it.</summary>
    internal void Return(WorkArea work)
    {
        _free.Push(work);
        // A task that goes on may end at once and return its area in here: the loop serves the next one, without recursion.
        if (_serving) return;
        _serving = true;
        while (_waiting.Count > 0 && _free.Count > 0) _waiting.Dequeue().GoOn(_free.Pop());
        _serving = false;
    }

    public void Dispose()
    {
        foreach (WorkArea work in _free) work.Dispose();
        _free.Clear();
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out WorkArea? work)
    {
        if (_free.TryPop(out work)) return true;
        if (_made == Maximum) return false;
        _made++;
        work = new WorkArea();
        return true;
    }
}
