using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Host.Integration;

/// <summary>What can be asked of the guest itself while it runs, through the integration services that its own drivers and daemons serve.</summary>
/// <remarks>
/// Any thread but a lane may call any member, also several at once, until the partition is disposed. What the guest does not do is an
/// <see cref="IntegrationException"/>, an <see cref="IOException"/> whose message is one line for people and begins with the service's name.
/// Strings that come from the guest are returned as it sent them: whoever shows them has to make control characters visible.
/// </remarks>
public interface IIntegrationControl
{
    /// <summary>The services in the order that the guest is offered them, and how each stands.</summary>
    IReadOnlyList<IntegrationInfo> Services { get; }

    /// <summary>Whether the guest is alive.</summary>
    HeartbeatInfo Heartbeat { get; }

    /// <summary>Whether the guest's file systems rest, as far as is known.</summary>
    bool MayBeFrozen { get; }

    /// <summary>Asks the guest to power off, reboot or hibernate. File systems that rest are thawed before.</summary>
    /// <param name="action">What it is to do.</param>
    /// <param name="force">Without waiting for those who are logged in.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Ends when the guest has said that it will.</returns>
    Task ShutdownAsync(GuestShutdown action, bool force, CancellationToken cancellation = default);

    /// <summary>Has the guest set its clock to the host's.</summary>
    Task SynchronizeTimeAsync(CancellationToken cancellation = default);

    /// <summary>The items of a pool, in the guest's order.</summary>
    Task<IReadOnlyList<KvpValue>> ListItemsAsync(KvpPool pool, CancellationToken cancellation = default);

    /// <summary>The value of an item.</summary>
    /// <returns>Null when there is no such key.</returns>
    Task<string?> GetItemAsync(KvpPool pool, string key, CancellationToken cancellation = default);

    /// <summary>Adds or replaces an item.</summary>
    Task SetItemAsync(KvpPool pool, string key, string value, CancellationToken cancellation = default);

    /// <summary>Removes an item.</summary>
    /// <returns>False when there was none.</returns>
    Task<bool> RemoveItemAsync(KvpPool pool, string key, CancellationToken cancellation = default);

    /// <summary>The addresses that the guest has given to each of the partition's network adapters.</summary>
    Task<IReadOnlyList<GuestAddresses>> ReadAddressesAsync(CancellationToken cancellation = default);

    /// <summary>Has the guest use these addresses on one of the partition's network adapters.</summary>
    /// <param name="nic">The adapter's id; it stands in place of <see cref="KvpAddresses.Adapter"/>.</param>
    /// <param name="addresses">What to use.</param>
    /// <param name="cancellation">Ends the wait; the guest may do it all the same.</param>
    Task SetAddressesAsync(string nic, KvpAddresses addresses, CancellationToken cancellation = default);

    /// <summary>Brings the guest's file systems to rest, so that its disks can be copied.</summary>
    /// <param name="limit">They are thawed by themselves after this time, at most <see cref="BackupService.LongestRest"/>.</param>
    /// <param name="cancellation">Gives it up: they are thawed.</param>
    Task FreezeAsync(TimeSpan limit, CancellationToken cancellation = default);

    /// <summary>Lets the file systems go on. Where that fails it is tried again until it succeeds or the machine is reset.</summary>
    Task ThawAsync(CancellationToken cancellation = default);

    /// <summary>Copies a file of the host into the guest.</summary>
    /// <param name="path">The file.</param>
    /// <param name="guestPath">Where it goes: with a slash at its end a folder, in which it keeps its name.</param>
    /// <param name="flags">What the guest may do for it.</param>
    /// <param name="cancellation">Gives it up: the guest is told to remove what it has.</param>
    /// <returns>Bytes copied.</returns>
    Task<long> CopyFileAsync(string path, string guestPath, FileCopyFlags flags, CancellationToken cancellation = default);

    /// <summary>How much of the file that is being copied is in the guest, and how much it is; null when none is.</summary>
    (long Copied, long Bytes)? CopyProgress { get; }
}
