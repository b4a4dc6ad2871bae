using VmBus.Network.Frames;

namespace VmBus.Providers.Network;

/// <summary>One network adapter.</summary>
/// <param name="Address">Its Ethernet address.</param>
public sealed record NetworkOptions(MacAddress Address)
{
    /// <summary>Most channels of an adapter.</summary>
    public const int MaximumQueueLimit = 64;

    private readonly int _maximumQueues = 1;

    /// <summary>Channels that the guest may open, the primary among them; the link may have fewer queues.</summary>
    public int MaximumQueues
    {
        get => _maximumQueues;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaximumQueueLimit);
            _maximumQueues = value;
        }
    }

    /// <summary>A name for people in the guest; Linux shows any but this one as the interface's alias.</summary>
    public string FriendlyName { get; init; } = "Network Adapter";
}
