using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>What can be asked of the guest itself, through its own drivers and daemons. Source: protocol-spec/control.md#verbs.</summary>
public static class GuestVerb
{
    /// <summary>The integration services, and how each stands with the guest.</summary>
    public static ControlVerb<NoValue, ServiceList> ListServices { get; } = new("guest.services");

    /// <summary>Asks the guest to power off, start again or hibernate; answered when it has said that it will.</summary>
    public static ControlVerb<ShutdownRequest, NoValue> ShutDown { get; } = new("guest.shutdown");

    /// <summary>Whether the guest is alive.</summary>
    public static ControlVerb<NoValue, HeartbeatReport> Heartbeat { get; } = new("guest.heartbeat");

    /// <summary>Has the guest set its clock to the host's.</summary>
    public static ControlVerb<NoValue, NoValue> SynchronizeTime { get; } = new("guest.time.sync");

    /// <summary>The items of a pool.</summary>
    public static ControlVerb<PoolRequest, ItemList> ListItems { get; } = new("guest.kvp.list");

    /// <summary>What a key holds.</summary>
    public static ControlVerb<KeyRequest, ItemReply> GetItem { get; } = new("guest.kvp.get");

    /// <summary>Adds or replaces an item.</summary>
    public static ControlVerb<ItemRequest, NoValue> SetItem { get; } = new("guest.kvp.set");

    /// <summary>Removes an item.</summary>
    public static ControlVerb<KeyRequest, FoundReply> RemoveItem { get; } = new("guest.kvp.remove");

    /// <summary>The addresses that the guest uses on each network adapter.</summary>
    public static ControlVerb<NoValue, AddressList> ListAddresses { get; } = new("guest.ip.list");

    /// <summary>Has the guest use these addresses on a network adapter.</summary>
    public static ControlVerb<AddressRequest, NoValue> SetAddresses { get; } = new("guest.ip.set");

    /// <summary>Brings the guest's file systems to rest.</summary>
    public static ControlVerb<FreezeRequest, NoValue> Freeze { get; } = new("guest.freeze");

    /// <summary>Lets them go on.</summary>
    public static ControlVerb<NoValue, NoValue> Thaw { get; } = new("guest.thaw");

    /// <summary>Copies a file of the host into the guest.</summary>
    public static ControlVerb<CopyRequest, CopyReply> CopyFile { get; } = new("guest.copy");

    /// <summary>How the copy that is under way stands.</summary>
    public static ControlVerb<NoValue, CopyProgress> CopyProgress { get; } = new("guest.copy.progress");
}
