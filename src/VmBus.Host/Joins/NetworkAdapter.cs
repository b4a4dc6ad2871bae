using System.Security.Cryptography;
using System.Text;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Providers.Network;

namespace VmBus.Host.Joins;

/// <summary>One of the partition's network adapters from the reservation of its id to the close of its link. The lock of <see cref="NetworkAdapters"/> guards it.</summary>
internal sealed class NetworkAdapter
{
    /// <summary>An adapter that has no link yet.</summary>
    /// <param name="partition">The partition's name: instance and address follow from it and the id.</param>
    /// <param name="id">Its name in the partition.</param>
    /// <param name="options">What the operator said.</param>
    public NetworkAdapter(string partition, string id, NicOptions options)
    {
        string name = $"{partition}:{id}";
        Id = id;
        Options = options;
        Instance = StableIds.Create("network-adapter", name);
        Address = options.Address ?? AddressOf(name);
    }

    /// <summary>Its name in the partition.</summary>
    public string Id { get; }

    /// <summary>What it was added with.</summary>
    public NicOptions Options { get; }

    /// <summary>What the guest knows it by.</summary>
    public Guid Instance { get; }

    /// <summary>Its Ethernet address.</summary>
    public MacAddress Address { get; }

    /// <summary>Where it stands.</summary>
    public NicState State { get; set; } = NicState.Opening;

    /// <summary>Where its frames go, once that is open.</summary>
    public ILink? Link { get; set; }

    /// <summary>What the bus offers, once the link is open.</summary>
    public NetworkProvider? Provider { get; set; }

    /// <summary>Ends with the removal.</summary>
    public TaskCompletionSource Removed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How it stands, for people.</summary>
    public NicInfo Describe() => new(
        Id, Options.Name, Address, State, Link?.IsUp ?? false, Provider?.Counters ?? default, Provider?.Queues ?? []);

    /// <summary>Lets go of the link and closes it. The bus must have let go of the provider.</summary>
    public void Close()
    {
        Provider?.Detach();
        Link?.Dispose();
    }

    /// <summary>The address that follows from a name: locally administered, as no vendor's block is ours.</summary>
    internal static MacAddress AddressOf(string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"vmbus:address:{name}"), hash);
        hash[0] = (byte)((hash[0] & 0xFC) | 0x02);
        return MacAddress.Read(hash);
    }
}
