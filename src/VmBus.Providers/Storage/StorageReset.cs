namespace VmBus.Providers.Storage;

/// <summary>
/// One reset: every channel of the controller stops taking requests and lets its commands end, their answers first; when all have, the
/// reset is answered and the channels go on. Linux waits without limit for its commands after the answer, so none may be left behind.
/// </summary>
internal sealed class StorageReset
{
    private readonly StorageEndpoint _primary;
    private readonly StorageRequest _request;
    private readonly StorageEndpoint[] _members;
    private int _running;

    private StorageReset(StorageEndpoint primary, StorageRequest request, StorageEndpoint[] members)
    {
        _primary = primary;
        _request = request;
        _members = members;
        _running = members.Length;
    }

    /// <summary>Begins on the primary channel's lane.</summary>
    /// <param name="primary">The channel that the reset came on.</param>
    /// <param name="request">The request to answer when all is quiet.</param>
    /// <param name="members">Every open channel of the controller, the primary among them.</param>
    public static void Start(StorageEndpoint primary, StorageRequest request, StorageEndpoint[] members)
    {
        var reset = new StorageReset(primary, request, members);
        foreach (StorageEndpoint member in members)
        {
            if (member == primary) member.Quiesce(reset);
            else member.Post(() => member.Quiesce(reset));
        }
    }

    /// <summary>One channel is quiet. Called once for each, on its lane.</summary>
    public void Arrived()
    {
        if (Interlocked.Decrement(ref _running) == 0) _primary.Post(Finish);
    }

    private void Finish()
    {
        _primary.FinishReset(_request);
        foreach (StorageEndpoint member in _members)
        {
            if (member == _primary) member.Release();
            else member.Post(member.Release);
        }
    }
}
