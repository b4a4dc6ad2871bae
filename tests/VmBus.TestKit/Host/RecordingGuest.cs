using VmBus.Host;
using VmBus.Host.Integration;
using VmBus.Network.Frames;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.TestKit.Host;

/// <summary>A guest that writes down what it is asked, and says what a test wants.</summary>
public sealed class RecordingGuest : IIntegrationControl
{
    private static readonly NicInfo Lan = new("lan", "tap=vnet0", MacAddress.Read([2, 0, 0, 0, 0, 1]), NicState.Attached, true, default, []);

    /// <summary>What it was asked, in order.</summary>
    public IList<string> Asked { get; } = new List<string>();

    /// <summary>When set, what it says to everything.</summary>
    public IntegrationException? Refusal { get; set; }

    /// <summary>Its items.</summary>
    public IList<(KvpPool Pool, KvpValue Item)> Items { get; } = new List<(KvpPool Pool, KvpValue Item)>();

    /// <summary>What its adapters have.</summary>
    public IList<GuestAddresses> Addresses { get; } = new List<GuestAddresses>();

    public IReadOnlyList<IntegrationInfo> Services =>
    [
        new(IntegrationServices.Heartbeat, IntegrationContact.Ready, new IntegrationVersion(3, 0)),
        new(IntegrationServices.KeyValueExchange, IntegrationContact.Negotiating, null),
        new(IntegrationServices.Backup, IntegrationContact.Incompatible, null),
        new(IntegrationServices.FileCopy, IntegrationContact.NoDriver, null),
    ];

    public HeartbeatInfo Heartbeat { get; set; } = new(HeartbeatState.NoContact, ApplicationState.Unknown, 0, 0, null);

    public bool MayBeFrozen { get; set; }

    /// <summary>Addresses of the one adapter.</summary>
    public static GuestAddresses On(KvpAddresses? addresses) => new(Lan, addresses);

    public Task ShutdownAsync(GuestShutdown action, bool force, CancellationToken cancellation = default) => Ask($"{action}{(force ? " force" : "")}");

    public Task SynchronizeTimeAsync(CancellationToken cancellation = default) => Ask("time");

    public Task<IReadOnlyList<KvpValue>> ListItemsAsync(KvpPool pool, CancellationToken cancellation = default)
        => Task.FromResult<IReadOnlyList<KvpValue>>([.. Items.Where(item => item.Pool == pool).Select(static item => item.Item)]);

    public Task<string?> GetItemAsync(KvpPool pool, string key, CancellationToken cancellation = default)
        => Task.FromResult(Items.Where(item => item.Pool == pool && item.Item.Key == key).Select(static item => item.Item.Text).FirstOrDefault());

    public Task SetItemAsync(KvpPool pool, string key, string value, CancellationToken cancellation = default) => Ask($"set {pool} {key} '{value}'");

    public async Task<bool> RemoveItemAsync(KvpPool pool, string key, CancellationToken cancellation = default)
    {
        await Ask($"remove {pool} {key}");
        return key != "Nothing";
    }

    public Task<IReadOnlyList<GuestAddresses>> ReadAddressesAsync(CancellationToken cancellation = default)
        => Task.FromResult<IReadOnlyList<GuestAddresses>>([.. Addresses]);

    public Task SetAddressesAsync(string nic, KvpAddresses addresses, CancellationToken cancellation = default) => Ask(
        $"ip {nic} {addresses.Families} {addresses.Dhcp} {string.Join(',', addresses.Addresses)} {string.Join(',', addresses.Subnets)} "
        + $"{string.Join(',', addresses.Gateways)} {string.Join(',', addresses.NameServers)}");

    public Task FreezeAsync(TimeSpan limit, CancellationToken cancellation = default) => Ask($"freeze {limit.TotalSeconds}");

    public Task ThawAsync(CancellationToken cancellation = default) => Ask("thaw");

    /// <summary>What a copy waits for.</summary>
    public Task CopyTime { get; set; } = Task.CompletedTask;

    public (long Copied, long Bytes)? CopyProgress { get; set; }

    public async Task<long> CopyFileAsync(string path, string guestPath, FileCopyFlags flags, CancellationToken cancellation = default)
    {
        await Ask($"copy {path} to {guestPath} {flags}");
        await CopyTime;
        return 2048;
    }

    private Task Ask(string what)
    {
        if (Refusal is not null) return Task.FromException(Refusal);
        Asked.Add(what);
        return Task.CompletedTask;
    }
}
