using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Entropy;

/// <summary>A virtio entropy device: the host's random numbers for one driver, at a bounded rate.</summary>
/// <remarks>Source: virtio 1.3, 5.4; protocol-spec/virtio.md#entropy.</remarks>
public sealed class EntropyDevice(TimeProvider clock) : IVirtioDevice
{
    // Linux has one request at a time.
    private const int QueueSize = 64;

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Entropy;

    /// <inheritdoc/>
    public string Name => "rng";

    /// <inheritdoc/>
    public ulong Features => (ulong)Virtqueue.Features;

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public int FrontEndQueueCount => 1;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <inheritdoc/>
    public int LaneOf(int queue) => 0;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination) => 0;

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane) => new EntropyQueue(queue, lane, clock);

    /// <inheritdoc/>
    public void Reset()
    {
        // A driver sets nothing.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
