using VmBus.Machine.Pci;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Pci;

namespace VmBus.Host.Joins;

/// <summary>A virtio device as a machine's PCI bus has it.</summary>
internal sealed class VirtioFunction(PciTransport transport) : IPciDevice
{
    private const ushort Vendor = 0x1AF4;
    private const ushort FirstModernDevice = 0x1040;

    /// <inheritdoc/>
    public PciIdentity Identity { get; } = new(
        Vendor, (ushort)(FirstModernDevice + (int)transport.Type), (ushort)(FirstModernDevice + (int)transport.Type), ClassOf(transport.Type), Revision: 1);

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Capabilities { get; } = transport.Capabilities;

    /// <inheritdoc/>
    public int AccessCapability => PciTransport.AccessCapability;

    /// <inheritdoc/>
    public IReadOnlyList<(int Offset, EventFd Target)> Doorbells { get; } = transport.Doorbells;

    /// <inheritdoc/>
    public IReadOnlyList<EventFd> Messages => transport.Messages;

    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data) => transport.Read(offset, data);

    /// <inheritdoc/>
    public void Write(int offset, ReadOnlySpan<byte> data) => transport.Write(offset, data);

    // Drivers go by the device id; the class is for people who list the bus.
    private static uint ClassOf(VirtioDeviceType type) => type switch
    {
        VirtioDeviceType.Network => 0x02_00_00,
        VirtioDeviceType.Block or VirtioDeviceType.Scsi => 0x01_00_00,
        VirtioDeviceType.Console or VirtioDeviceType.Socket => 0x07_80_00,
        _ => 0x00_FF_00,
    };
}
