namespace VmBus.Virtio.Queues;

/// <summary>Memory outside this process that knows which requests of a queue are on their way, at every instant.</summary>
/// <remarks>
/// The process may be killed between any two stores: whoever goes on finds every request that was taken and not given back, and none that
/// was. One thread.
/// </remarks>
internal interface IInflightLog
{
    /// <summary>Reads what a process before this one has left, before anything is taken.</summary>
    /// <param name="usedIndex">The used index that the driver sees.</param>
    /// <returns>How many requests are to be taken again, with <see cref="TryTakeRecovered"/>.</returns>
    int Recover(ushort usedIndex);

    /// <summary>The next request to be taken again, in the order they were first taken.</summary>
    bool TryTakeRecovered(out ushort head);

    /// <summary>A request was taken.</summary>
    void Taken(ushort head);

    /// <summary>A request's element is in the used ring, and not visible yet.</summary>
    void Completed(ushort head);

    /// <summary>The used index is visible to the driver.</summary>
    void Published(ushort usedIndex);
}
