using VmBus.Native.Linux;

namespace VmBus.Machine.Pci;

/// <summary>A device behind a PCI function: registers, doorbells among them, and interrupts by message.</summary>
/// <remarks>Registers are read and written on vCPU threads, possibly several at once; no access throws.</remarks>
public interface IPciDevice
{
    /// <summary>What it is.</summary>
    PciIdentity Identity { get; }

    /// <summary>Its own capabilities, each whole with its id; where the next one is, is not theirs to say.</summary>
    IReadOnlyList<byte[]> Capabilities { get; }

    /// <summary>Which of <see cref="Capabilities"/> lets the guest reach the registers through configuration space; its data follows 16 bytes of bar, offset and length.</summary>
    int AccessCapability { get; }

    /// <summary>Offsets of registers whose writes only signal.</summary>
    IReadOnlyList<(int Offset, EventFd Target)> Doorbells { get; }

    /// <summary>Interrupts, signalled by the device.</summary>
    IReadOnlyList<EventFd> Messages { get; }

    /// <summary>The guest reads registers.</summary>
    void Read(int offset, Span<byte> data);

    /// <summary>The guest writes registers.</summary>
    void Write(int offset, ReadOnlySpan<byte> data);
}

/// <summary>By what a guest knows a PCI device. Source: PCI Local Bus 3.0, 6.2.1.</summary>
/// <param name="Vendor">Vendor id, also of the subsystem.</param>
/// <param name="Device">Device id.</param>
/// <param name="Subsystem">Subsystem id.</param>
/// <param name="Class">Class, subclass and interface.</param>
/// <param name="Revision">Revision.</param>
public readonly record struct PciIdentity(ushort Vendor, ushort Device, ushort Subsystem, uint Class, byte Revision);
