namespace VmBus.Client.Sysfs;

/// <summary>A channel of a device as sysfs shows it. A number that the kernel does not tell, of a channel that is not open for one, is null.</summary>
/// <param name="Id">Its number on the bus.</param>
/// <param name="SubChannel">0 for the device's first, else its number among the others.</param>
/// <param name="Cpu">The processor that the host interrupts.</param>
/// <param name="Interrupts">Interrupts of the host so far.</param>
/// <param name="Events">Signals to the host so far.</param>
/// <param name="Pending">Whether a signal to the host is pending.</param>
/// <param name="ReadableBytes">Bytes in the ring from the host that the guest has not read.</param>
/// <param name="WritableBytes">Bytes free in the ring to the host.</param>
/// <param name="InputMasked">Whether the guest wants no interrupts now.</param>
/// <param name="OutputMasked">Whether the host wants no signals now.</param>
/// <param name="FullTimes">How often the ring to the host was full.</param>
/// <remarks>Source: Linux Documentation/ABI/stable/sysfs-bus-vmbus.</remarks>
public sealed record VmbusChannel(
    uint Id, long? SubChannel, long? Cpu, long? Interrupts, long? Events, long? Pending, long? ReadableBytes, long? WritableBytes, long? InputMasked, long? OutputMasked, long? FullTimes);
