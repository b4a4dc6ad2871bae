using System.Globalization;
using VmBus.Host.Integration;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Control.Verbs;

/// <summary>The verbs for the guest itself.</summary>
/// <param name="guest">Whom they are for.</param>
public sealed class GuestVerbs(IIntegrationControl guest) : IVerbGroup
{
    /// <summary>Pools that the verbs know; the guest's own internal one is for it alone.</summary>
    public static IReadOnlyList<KvpPool> Pools { get; } = [KvpPool.External, KvpPool.Guest, KvpPool.Auto, KvpPool.AutoExternal];

    /// <inheritdoc/>
    public void AddTo(VerbTable table)
    {
        table.Add(GuestVerb.ListServices, (_, _) => Task.FromResult(new ServiceList([.. guest.Services.Select(Of)])));
        table.Add(GuestVerb.ShutDown, (request, cancellation) => Done(guest.ShutdownAsync(
            Words.Parse(request.Action, GuestShutdown.PowerOff, GuestShutdown.Reboot, GuestShutdown.Hibernate), request.Force, cancellation)));
        table.Add(GuestVerb.Heartbeat, (_, _) => Task.FromResult(Of(guest.Heartbeat)));
        table.Add(GuestVerb.SynchronizeTime, (_, cancellation) => Done(guest.SynchronizeTimeAsync(cancellation)));
        table.Add(GuestVerb.ListItems, ListAsync);
        table.Add(GuestVerb.GetItem, GetAsync);
        table.Add(GuestVerb.SetItem, (request, cancellation) => Done(guest.SetItemAsync(Pool(request.Pool), request.Key, request.Text, cancellation)));
        table.Add(GuestVerb.RemoveItem, RemoveAsync);
        table.Add(GuestVerb.ListAddresses, async (_, cancellation)
            => new AddressList([.. (await guest.ReadAddressesAsync(cancellation).ConfigureAwait(false)).Select(Of)]));
        table.Add(GuestVerb.SetAddresses, (request, cancellation) => Done(guest.SetAddressesAsync(request.Nic, Addresses(request), cancellation)));
        table.Add(GuestVerb.Freeze, (request, cancellation) => Done(guest.FreezeAsync(Rest(request.LimitMs), cancellation)));
        table.Add(GuestVerb.Thaw, (_, cancellation) => Done(guest.ThawAsync(cancellation)));
        table.Add(GuestVerb.CopyFile, CopyAsync);
        table.Add(GuestVerb.CopyProgress, (_, _) => Task.FromResult(new CopyProgress(guest.CopyProgress?.Copied, guest.CopyProgress?.Bytes)));
    }

    private static async Task<NoValue> Done(Task work)
    {
        await work.ConfigureAwait(false);
        return NoValue.Instance;
    }

    private static ServiceReport Of(IntegrationInfo info) => new(info.Service.Name, Words.Of(info.Contact), info.Version?.ToString());

    private static HeartbeatReport Of(HeartbeatInfo heartbeat) => new(
        Words.Of(heartbeat.State),
        Words.Of(Enum.IsDefined(heartbeat.Applications) ? heartbeat.Applications : ApplicationState.Unknown),
        heartbeat.Answered,
        heartbeat.Missed,
        (long?)heartbeat.SinceAnswer?.TotalMilliseconds);

    private static AddressReport Of(GuestAddresses adapter) => new(
        adapter.Nic.Id,
        adapter.Nic.Address.ToString(),
        adapter.Addresses is not null,
        adapter.Addresses?.Dhcp ?? false,
        adapter.Addresses?.Addresses ?? [],
        adapter.Addresses?.Subnets ?? [],
        adapter.Addresses?.Gateways ?? [],
        adapter.Addresses?.NameServers ?? []);

    private static KvpPool Pool(string word) => Words.Parse(word, [.. Pools]);

    private static IEnumerable<KvpPool> PoolOrAll(string? word) => word is null ? Pools : [Pool(word)];

    private static KvpAddresses Addresses(AddressRequest request) => KvpAddresses.Of("") with
    {
        Families = request.Family switch
        {
            "ipv4" => KvpAddressFamilies.IPv4,
            "ipv6" => KvpAddressFamilies.IPv6,
            _ => throw new ControlException(ControlErrorCode.BadParameters, $"'{request.Family}' is none of ipv4, ipv6."),
        },
        Dhcp = request.Dhcp,
        Addresses = request.Addresses,
        Subnets = request.Subnets,
        Gateways = request.Gateways,
        NameServers = request.NameServers,
    };

    private static TimeSpan Rest(long limitMs) => limitMs > 0 && limitMs <= BackupService.LongestRest.TotalMilliseconds
        ? TimeSpan.FromMilliseconds(limitMs)
        : throw new ControlException(
            ControlErrorCode.BadParameters,
            string.Create(CultureInfo.InvariantCulture, $"File systems cannot rest for {limitMs} ms: give 1 to {BackupService.LongestRest.TotalMilliseconds}."));

    private async Task<ItemList> ListAsync(PoolRequest request, CancellationToken cancellation)
    {
        List<ItemReport> items = [];
        foreach (KvpPool pool in PoolOrAll(request.Pool))
        {
            IReadOnlyList<KvpValue> some = await guest.ListItemsAsync(pool, cancellation).ConfigureAwait(false);
            items.AddRange(some.Select(item => new ItemReport(Words.Of(pool), item.Key, item.Text)));
        }

        return new ItemList(items);
    }

    private async Task<ItemReply> GetAsync(KeyRequest request, CancellationToken cancellation)
    {
        foreach (KvpPool pool in PoolOrAll(request.Pool))
        {
            if (await guest.GetItemAsync(pool, request.Key, cancellation).ConfigureAwait(false) is { } value) return new ItemReply(value);
        }

        return new ItemReply(null);
    }

    private async Task<FoundReply> RemoveAsync(KeyRequest request, CancellationToken cancellation)
    {
        foreach (KvpPool pool in PoolOrAll(request.Pool))
        {
            if (await guest.RemoveItemAsync(pool, request.Key, cancellation).ConfigureAwait(false)) return new FoundReply(true);
        }

        return new FoundReply(false);
    }

    // A client's folder is not this process's: a relative path would mean another file than the one that was meant.
    private async Task<CopyReply> CopyAsync(CopyRequest request, CancellationToken cancellation)
    {
        if (!Path.IsPathRooted(request.Path) || request.Path.Contains('\0', StringComparison.Ordinal))
            throw new ControlException(ControlErrorCode.BadParameters, $"'{request.Path}' is no absolute path: begin it with '/'.");
        FileCopyFlags flags = (request.Overwrite ? FileCopyFlags.Overwrite : 0) | (request.CreatePath ? FileCopyFlags.CreatePath : 0);
        return new CopyReply(await guest.CopyFileAsync(request.Path, request.GuestPath, flags, cancellation).ConfigureAwait(false));
    }
}
