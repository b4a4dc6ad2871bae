using VmBus.GuestTools.Addresses;
using VmBus.GuestTools.Daemon;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.KeyValues;

/// <summary>Answers the host's key-value requests. Source: protocol-spec/integration-data.md#key-value-exchange.</summary>
internal sealed class KvpHandler(KvpPools pools, IAdapterAddresses adapters, DaemonLog log) : IRequestHandler
{
    private const int ShownCharacters = 64;

    // A host enumerates from 0 on; what it sees of a pool then is of one moment, however long it takes.
    private readonly Dictionary<KvpPool, IReadOnlyList<KvpItem>> _enumerated = [];

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Registration { get; } = CreateRegistration();

    /// <inheritdoc/>
    public int MaximumRequestBytes => KvpRequest.Size;

    /// <inheritdoc/>
    public TimeSpan? TimeLeft => null;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Answer(Memory<byte> request)
    {
        // The kernel's messages are of one length; one of another gets an answer that the kernel refuses, and the device is opened anew.
        if (request.Length < KvpRequest.Size) return request;
        var kvp = new KvpRequest(request.Span);
        try
        {
            Carry(kvp);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Fail($"kvp: {kvp.Operation} in pool {kvp.Pool} failed: {e.Message}");
            kvp.Answer(IntegrationStatus.Fail);
        }

        return request;
    }

    /// <inheritdoc/>
    public void Answered()
    {
        // Nothing waits for it.
    }

    /// <inheritdoc/>
    public void Expire()
    {
        // There is no limit.
    }

    /// <inheritdoc/>
    public void Close() => _enumerated.Clear();

    private static byte[] CreateRegistration()
    {
        byte[] message = new byte[KvpRequest.Size];
        message[0] = KvpRequest.Register;
        return message;
    }

    private void Carry(KvpRequest kvp)
    {
        switch (kvp.Operation)
        {
            case KvpOperation.Get when KvpPools.IsExchanged(kvp.Pool):
                string wanted = kvp.Key;
                KvpItem? found = pools.Read(kvp.Pool).Select(static item => (KvpItem?)item).FirstOrDefault(item => item!.Value.Key == wanted);
                if (found is { } item) kvp.Answer(item);
                else kvp.Answer(IntegrationStatus.NoMoreItems);
                break;
            case KvpOperation.Set when KvpPools.IsHostWritable(kvp.Pool):
                kvp.Answer(StatusOf(kvp.Pool, pools.File(kvp.Pool).Set(kvp.Item)));
                break;
            case KvpOperation.Delete when KvpPools.IsHostWritable(kvp.Pool):
                kvp.Answer(StatusOf(kvp.Pool, pools.File(kvp.Pool).Remove(kvp.Key)));
                break;
            case KvpOperation.Enumerate when KvpPools.IsExchanged(kvp.Pool):
                Enumerate(kvp);
                break;
            case KvpOperation.GetAddresses:
                if (adapters.Read(kvp.Addresses.Adapter) is { } addresses) kvp.Answer(addresses);
                else kvp.Answer(IntegrationStatus.Fail);
                break;
            case KvpOperation.SetAddresses:
                kvp.Answer(SetAddresses(kvp.Addresses));
                break;
            default:
                kvp.Answer(kvp.Operation == KvpOperation.Enumerate ? IntegrationStatus.NoMoreItems : IntegrationStatus.Fail);
                break;
        }
    }

    private void Enumerate(KvpRequest kvp)
    {
        if (kvp.Index == 0 || !_enumerated.TryGetValue(kvp.Pool, out IReadOnlyList<KvpItem>? items)) _enumerated[kvp.Pool] = items = pools.Read(kvp.Pool);
        if (kvp.Index < items.Count) kvp.Answer(items[(int)kvp.Index]);
        else kvp.Answer(IntegrationStatus.NoMoreItems);
    }

    private IntegrationStatus SetAddresses(KvpAddresses addresses)
    {
        string adapter = PeerText.Escape(addresses.Adapter, ShownCharacters);
        switch (adapters.Set(addresses, out string said))
        {
            case AddressStatus.Done:
                log.Say($"kvp: the host has set the addresses of {adapter}: {said}");
                return IntegrationStatus.Success;
            case AddressStatus.NoSuchAdapter:
                log.Warn($"kvp: the host sets addresses of {adapter}, and this guest has no such network adapter");
                return IntegrationStatus.GuidNotFound;
            case AddressStatus.Invalid:
                log.Warn($"kvp: the host's addresses for {adapter} are not used: {said}");
                return IntegrationStatus.InvalidArgument;
            case AddressStatus.Failed:
            default:
                log.Fail($"kvp: the host's addresses for {adapter} are not used: {said}");
                return IntegrationStatus.Fail;
        }
    }

    private IntegrationStatus StatusOf(KvpPool pool, PoolStatus status)
    {
        if (status is PoolStatus.Locked or PoolStatus.Full)
        {
            string why = status == PoolStatus.Full ? $"it has {KvpPoolFile.MaximumItems} items" : "another program keeps it locked";
            log.Warn($"kvp: {pools.File(pool).Path} is not changed: {why}");
        }

        return status switch
        {
            PoolStatus.Done => IntegrationStatus.Success,
            PoolStatus.NoSuchKey or PoolStatus.DoesNotFit => IntegrationStatus.NoMoreItems,
            PoolStatus.Full => IntegrationStatus.DiskFull,
            PoolStatus.Locked => IntegrationStatus.Fail,
        };
    }
}
