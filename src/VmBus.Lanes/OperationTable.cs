using System.Runtime.InteropServices;

namespace VmBus.Lanes;

/// <summary>The operations in flight of one lane: a fixed table and a stack of free slots.</summary>
internal sealed class OperationTable
{
    private readonly Entry[] _entries;
    private readonly int[] _free;
    private int _freeCount;

    internal OperationTable(int slots)
    {
        _entries = new Entry[slots];
        _free = new int[slots];
        for (int i = 0; i < slots; i++) _free[_freeCount++] = slots - 1 - i;
    }

    internal int InFlight => _entries.Length - _freeCount;

    /// <summary>Takes a slot and keeps <paramref name="file"/> open until <see cref="Release"/>.</summary>
    internal bool TryTake(SafeHandle file, IIoCompletion completion, int tag, out int slot)
    {
        if (_freeCount == 0)
        {
            slot = -1;
            return false;
        }

        bool held = false;
        file.DangerousAddRef(ref held);
        slot = _free[--_freeCount];
        _entries[slot] = new Entry(file, completion, tag);
        return true;
    }

    /// <summary>Gives the slot back; it may be taken again at once.</summary>
    internal (IIoCompletion Completion, int Tag) Release(int slot)
    {
        Entry entry = _entries[slot];
        _entries[slot] = default;
        _free[_freeCount++] = slot;
        entry.File.DangerousRelease();
        return (entry.Completion, entry.Tag);
    }

    private readonly record struct Entry(SafeHandle File, IIoCompletion Completion, int Tag);
}
