using System.Diagnostics.CodeAnalysis;

namespace VmBus.Lanes;

/// <summary>Handlers waiting for their run, each at most once, first come first served.</summary>
internal sealed class RunQueue
{
    private readonly Queue<ILaneHandler> _order = new();
    private readonly HashSet<ILaneHandler> _wanted = new(ReferenceEqualityComparer.Instance);

    /// <summary>Entries, some of which may have been withdrawn.</summary>
    internal int Count => _order.Count;

    internal void Add(ILaneHandler handler)
    {
        if (_wanted.Add(handler)) _order.Enqueue(handler);
    }

    /// <summary>A handler that waits does not run; its entry is skipped when its turn comes.</summary>
    internal void Withdraw(ILaneHandler handler) => _wanted.Remove(handler);

    /// <summary>Takes the next entry.</summary>
    /// <returns>False when it was withdrawn, or there is none.</returns>
    internal bool TryTake([NotNullWhen(true)] out ILaneHandler? handler) => _order.TryDequeue(out handler) && _wanted.Remove(handler);
}
