namespace VmBus.Providers.Storage;

/// <summary>The requests of one channel: created as they are needed, up to a bound, and then reused for ever. One lane's own.</summary>
internal sealed class StorageRequestPool(StorageEndpoint endpoint, int capacity)
{
    private readonly List<StorageRequest> _all = [];
    private StorageRequest? _free;

    /// <summary>Takes a request out.</summary>
    /// <returns>Null when all are in use.</returns>
    public StorageRequest? Rent()
    {
        StorageRequest? request = _free;
        if (request is not null)
        {
            _free = request.Next;
            request.Next = null;
            return request;
        }

        if (_all.Count == capacity) return null;
        request = new StorageRequest(endpoint);
        _all.Add(request);
        return request;
    }

    /// <summary>Puts a request back. The one used last is taken first: its memory is still in the processor's cache.</summary>
    public void Return(StorageRequest request)
    {
        request.Next = _free;
        _free = request;
    }

    /// <summary>Frees the I/O vectors of every request, in use or not.</summary>
    public void FreeAll()
    {
        foreach (StorageRequest request in _all) request.Data.Dispose();
        _all.Clear();
        _free = null;
    }
}
