using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Addresses;

/// <summary>What became of addresses that the host set.</summary>
internal enum AddressStatus
{
    /// <summary>They are in use.</summary>
    Done,

    /// <summary>There is no such network adapter.</summary>
    NoSuchAdapter,

    /// <summary>They are no addresses, or do not belong together.</summary>
    Invalid,

    /// <summary>They could not be put to use.</summary>
    Failed,
}

/// <summary>The addresses of this guest's network adapters.</summary>
internal interface IAdapterAddresses
{
    /// <summary>Reads an adapter's addresses.</summary>
    /// <param name="adapter">Its Ethernet address with colons, or its instance in braces.</param>
    /// <returns>Null when there is no such adapter.</returns>
    KvpAddresses? Read(string adapter);

    /// <summary>Has an adapter use addresses.</summary>
    /// <param name="addresses">The adapter, by its instance or Ethernet address, and the addresses.</param>
    /// <param name="said">What was done, or why not, for the log.</param>
    AddressStatus Set(KvpAddresses addresses, out string said);
}
