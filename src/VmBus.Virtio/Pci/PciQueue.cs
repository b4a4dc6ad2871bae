using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.Pci;

/// <summary>What a driver has said of one queue of a virtio device on PCI, and the queue while it runs.</summary>
internal sealed class PciQueue(int index, Lane lane, int maximumSize) : IDisposable
{
    private int? _size;

    public int Index => index;

    public Lane Lane => lane;

    /// <summary>Signalled by the kernel when the driver writes to the queue's doorbell.</summary>
    public EventFd Kick { get; } = EventFd.Create();

    /// <summary>Entries; as many as there may be until the driver chooses.</summary>
    public int Size
    {
        get => _size ?? maximumSize;
        set => _size = value;
    }

    public ulong Descriptors { get; set; }

    public ulong Driver { get; set; }

    public ulong Device { get; set; }

    /// <summary>Which message interrupts the driver.</summary>
    public ushort Vector { get; set; } = CommonRegister.NoVector;

    public bool IsEnabled { get; set; }

    public QueueRunner? Runner { get; set; }

    /// <summary>Another process works on it.</summary>
    public bool IsHandedOver { get; set; }

    /// <summary>Forgets what the driver said.</summary>
    public void Reset()
    {
        _size = null;
        Descriptors = Driver = Device = 0;
        Vector = CommonRegister.NoVector;
        IsEnabled = false;
    }

    /// <inheritdoc/>
    public void Dispose() => Kick.Dispose();
}
