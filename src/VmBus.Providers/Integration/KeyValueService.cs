using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Reads and writes strings that the guest keeps, and its network addresses. Any thread.</summary>
/// <remarks>
/// What comes from the guest is not to be trusted wherever it is shown: it may hold any character. Source: protocol-spec/integration-data.md#key-value-exchange.
/// </remarks>
public sealed class KeyValueService
{
    /// <summary>Items of one pool at most: more than that is a guest that never ends its list.</summary>
    public const int MaximumItems = 1024;

    // Linux gives its daemon 30 seconds and then answers itself.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(40);

    private readonly IntegrationProvider _provider;
    private readonly IReadOnlyList<KvpValue> _hostItems;

    /// <summary>The verbs of a provider of <see cref="IntegrationServices.KeyValueExchange"/>.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="hostItems">What the host tells of itself: written to <see cref="KvpPool.AutoExternal"/> whenever the guest's daemon has come.</param>
    public KeyValueService(IntegrationProvider provider, IReadOnlyList<KvpValue> hostItems)
    {
        ArgumentNullException.ThrowIfNull(provider);
        _provider = provider;
        _hostItems = hostItems;
        provider.Ready += TellHostItems;
    }

    /// <summary>The items of a pool, in the guest's order.</summary>
    /// <exception cref="IntegrationException">The guest does not answer, or its list does not end.</exception>
    public async Task<IReadOnlyList<KvpValue>> ListAsync(KvpPool pool, CancellationToken cancellation)
    {
        List<KvpValue> items = [];
        while (await EnumerateAsync(pool, items.Count, cancellation).ConfigureAwait(false) is { } item)
        {
            if (items.Count == MaximumItems)
                throw _provider.Failure(IntegrationProblem.BadAnswer, $"the guest's list has more than {MaximumItems} items.");
            items.Add(item);
        }

        return items;
    }

    /// <summary>The value of one key.</summary>
    /// <returns>Null when there is no such key.</returns>
    /// <exception cref="IntegrationException">The guest does not answer, or the key is too long.</exception>
    public async Task<string?> GetAsync(KvpPool pool, string key, CancellationToken cancellation)
    {
        KvpValue question = Checked(new KvpValue(key, ""));
        string? value = await RequestAsync<string?>(
            body => KvpMessages.WriteItem(body, KvpOperation.Get, pool, question),
            static (in IntegrationAnswer answer, out string? text) =>
            {
                text = answer.Status == IntegrationStatus.Success && KvpMessages.TryReadItem(answer.Body, KvpOperation.Get, out KvpValue item) ? item.Text : null;
                return true;
            },
            cancellation).ConfigureAwait(false);
        if (!string.IsNullOrEmpty(value)) return value;
        // Linux answers this operation without the value, and not at all for what it makes up as it is asked: its list has everything.
        foreach (KvpValue item in await ListAsync(pool, cancellation).ConfigureAwait(false))
        {
            if (string.Equals(item.Key, key, StringComparison.Ordinal)) return item.Text;
        }

        return null;
    }

    /// <summary>Adds or replaces an item.</summary>
    /// <exception cref="IntegrationException">The guest does not do it, or key or value is too long.</exception>
    public async Task SetAsync(KvpPool pool, string key, string value, CancellationToken cancellation)
    {
        KvpValue item = Checked(new KvpValue(key, value));
        IntegrationStatus status = await RequestAsync<IntegrationStatus>(
            body => KvpMessages.WriteItem(body, KvpOperation.Set, pool, item), ReadStatus, cancellation).ConfigureAwait(false);
        if (status != IntegrationStatus.Success) throw _provider.Refusal("write the item", status);
    }

    /// <summary>Removes an item.</summary>
    /// <returns>False when there was none.</returns>
    /// <exception cref="IntegrationException">The guest does not do it, or the key is too long.</exception>
    public async Task<bool> RemoveAsync(KvpPool pool, string key, CancellationToken cancellation)
    {
        _ = Checked(new KvpValue(key, ""));
        IntegrationStatus status = await RequestAsync<IntegrationStatus>(
            body => KvpMessages.WriteDelete(body, pool, key), ReadStatus, cancellation).ConfigureAwait(false);
        return status switch
        {
            IntegrationStatus.Success => true,
            IntegrationStatus.NoMoreItems => false,
            _ => throw _provider.Refusal("remove the item", status),
        };
    }

    /// <summary>The addresses of a network adapter.</summary>
    /// <param name="address">The adapter's Ethernet address, with colons.</param>
    /// <param name="cancellation">Gives the request up.</param>
    /// <returns>Null when the guest has no such adapter, or does not use it.</returns>
    /// <exception cref="IntegrationException">The guest does not answer.</exception>
    public async Task<KvpAddresses?> GetAddressesAsync(string address, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(address);
        var question = KvpAddresses.Of(address.ToUpperInvariant());
        return await _provider.RequestAsync<KvpAddresses?>(
            AddressBytes,
            (body, version) =>
            {
                KvpMessages.WriteAddresses(body, KvpOperation.GetAddresses, question, version);
                return true;
            },
            AnswerLimit,
            static (in IntegrationAnswer answer, out KvpAddresses? addresses) =>
            {
                addresses = null;
                if (answer.Status != IntegrationStatus.Success) return true;
                bool read = KvpMessages.TryReadAddresses(answer.Body, answer.Version, out KvpAddresses found);
                addresses = found;
                return read;
            },
            cancellation).ConfigureAwait(false);
    }

    /// <summary>Sets the addresses of a network adapter, which <see cref="KvpAddresses.Adapter"/> names by its instance in braces.</summary>
    /// <exception cref="IntegrationException">The guest does not do it, or the lists are too long.</exception>
    public async Task SetAddressesAsync(KvpAddresses addresses, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        if (!addresses.Fits) throw _provider.Failure(IntegrationProblem.BadRequest, "there are more addresses than a message holds.");
        IntegrationStatus status = await _provider.RequestAsync(
            AddressBytes,
            (body, version) =>
            {
                KvpMessages.WriteAddresses(body, KvpOperation.SetAddresses, addresses, version);
                return true;
            },
            AnswerLimit,
            cancellation).ConfigureAwait(false);
        if (status != IntegrationStatus.Success) throw _provider.Refusal("set the addresses", status);
    }

    private static int AddressBytes(IntegrationVersion version)
        => KvpMessages.HasBinaryAddresses(version) ? KvpMessages.AddressBinarySize : KvpMessages.AddressTextSize;

    private static bool ReadStatus(in IntegrationAnswer answer, out IntegrationStatus status)
    {
        status = answer.Status;
        return true;
    }

    private Task<KvpValue?> EnumerateAsync(KvpPool pool, int index, CancellationToken cancellation) => RequestAsync<KvpValue?>(
        body => KvpMessages.WriteEnumerate(body, pool, index),
        static (in IntegrationAnswer answer, out KvpValue? item) =>
        {
            item = null;
            // Any refusal ends a list: guests differ in how they say that there is no more.
            if (answer.Status != IntegrationStatus.Success) return true;
            if (!KvpMessages.TryReadItem(answer.Body, KvpOperation.Enumerate, out KvpValue read)) return false;
            item = read;
            return true;
        },
        cancellation);

    private Task<T> RequestAsync<T>(Action<byte[]> write, AnswerReader<T> read, CancellationToken cancellation)
    {
        // Made at once and copied when its turn comes: everything about an item is known now.
        var message = new byte[KvpMessages.ItemSize];
        write(message);
        return _provider.RequestAsync(
            static _ => KvpMessages.ItemSize,
            (body, _) =>
            {
                message.CopyTo(body);
                return true;
            },
            AnswerLimit,
            read,
            cancellation);
    }

    private KvpValue Checked(in KvpValue item)
    {
        if (item.Key.Length == 0) throw _provider.Failure(IntegrationProblem.BadRequest, "a key is not empty.");
        if (item.Fits) return item;
        throw _provider.Failure(
            IntegrationProblem.BadRequest,
            $"a key has at most {(KvpValue.KeyFieldBytes / 2) - 1} characters, a value {(KvpValue.ValueFieldBytes / 2) - 1}, and neither has a NUL.");
    }

    private void TellHostItems(IntegrationEndpoint endpoint)
    {
        foreach (KvpValue item in _hostItems)
        {
            endpoint.Submit(new IntegrationTransaction(
                IntegrationMessageType.KeyValueExchange,
                static _ => KvpMessages.ItemSize,
                (body, _) =>
                {
                    KvpMessages.WriteItem(body, KvpOperation.Set, KvpPool.AutoExternal, item);
                    return true;
                },
                AnswerLimit,
                static (in IntegrationAnswer _) =>
                {
                    // Nobody waits for it: a guest that does not keep it does without.
                }));
        }
    }
}
