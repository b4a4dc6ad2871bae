namespace VmBus.Bus.Devices;

/// <summary>The parts of an offer message that a device decides.</summary>
/// <param name="InterfaceType">What the device is; the guest chooses its driver by it.</param>
/// <param name="InterfaceInstance">Which one it is: unique on the bus and stable over reboots.</param>
/// <param name="Flags">Offer flags (protocol-spec/channel-messages.md#offer-flags).</param>
/// <param name="MmioMegabytes">Device memory the guest must find, in MiB.</param>
/// <param name="UserDefined">At most 120 bytes the protocol gives to the device.</param>
public sealed record ChannelOffer(
    Guid InterfaceType, Guid InterfaceInstance, ushort Flags = 0, ushort MmioMegabytes = 0, ReadOnlyMemory<byte> UserDefined = default)
{
    /// <summary>
    /// Whether the guest signals the primary channel by a bit of its monitor page, which the host looks at a thousand times a second while the channel is open.
    /// Kernels before 6.10 let programs have no other devices.
    /// </summary>
    public bool IsMonitored { get; init; }
}
