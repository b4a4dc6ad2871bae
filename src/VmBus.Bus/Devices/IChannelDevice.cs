namespace VmBus.Bus.Devices;

/// <summary>A device that the bus offers to the guest: one primary channel, and sub-channels that the device asks for.</summary>
public interface IChannelDevice
{
    /// <summary>What the offer message says. Fixed while the device is offered.</summary>
    ChannelOffer Offer { get; }

    /// <summary>The guest has opened a channel of this device: starts serving it.</summary>
    /// <remarks>Called on the lane that will run the channel. The guest may already write to the ring.</remarks>
    /// <returns>The endpoint, or null to refuse, which the guest sees as a failed open.</returns>
    IChannelEndpoint? Open(OpenChannel channel);
}
