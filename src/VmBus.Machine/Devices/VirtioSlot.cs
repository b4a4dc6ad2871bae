namespace VmBus.Machine.Devices;

/// <summary>A place for a virtio-mmio device: a page of registers and an interrupt line of its own, edge-triggered.</summary>
/// <param name="Address">Guest physical address of the page.</param>
/// <param name="Gsi">Global system interrupt.</param>
/// <remarks>Source: protocol-spec/machine.md#virtio-devices.</remarks>
public readonly record struct VirtioSlot(uint Address, int Gsi)
{
    /// <summary>Bytes of a device's registers: a page, so that each can be a memory slot.</summary>
    public const int Bytes = 4096;

    private const uint FirstAddress = 0xFE00_0000;

    // The inputs that no PC device has a claim on, then those of PC devices that a partition does not have.
    private static readonly int[] Lines = [16, 17, 18, 19, 20, 21, 22, 23, 10, 11, 5, 7, 12, 14, 15];

    /// <summary>How many there are: one for each free interrupt line.</summary>
    public static int Count => Lines.Length;

    /// <summary>The place of a number, from 0 on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such place.</exception>
    public static VirtioSlot At(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return new VirtioSlot(FirstAddress + ((uint)index * Bytes), Lines[index]);
    }
}
