using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.Mmio;

/// <summary>What a driver has said of one queue of a virtio-mmio device, and the queue while it runs.</summary>
internal sealed class MmioQueue(int index, Lane lane) : IDisposable
{
    public int Index => index;

    public Lane Lane => lane;

    /// <summary>Signalled by the kernel when the driver writes the queue's number to the notify register.</summary>
    public EventFd Kick { get; } = EventFd.Create();

    public int Size { get; set; }

    public ulong Descriptors { get; set; }

    public ulong Driver { get; set; }

    public ulong Device { get; set; }

    public bool IsReady { get; set; }

    public QueueRunner? Runner { get; set; }

    /// <summary>Another process works on it.</summary>
    public bool IsHandedOver { get; set; }

    /// <summary>Forgets what the driver said.</summary>
    public void Reset()
    {
        Size = 0;
        Descriptors = Driver = Device = 0;
        IsReady = false;
    }

    /// <inheritdoc/>
    public void Dispose() => Kick.Dispose();
}
