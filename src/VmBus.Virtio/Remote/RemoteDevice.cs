using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.Remote;

/// <summary>A virtio block device of a partition that a vhost-user back-end serves: rings, kicks and interrupts go directly between guest and back-end.</summary>
/// <remarks>Any thread but a lane. Source: protocol-spec/vhost-user.md#front-end.</remarks>
public sealed class RemoteDevice : IRemoteDevice, IBackEndUser
{
    // Bits of the device type, and those of queues that this host knows; the rest of the common ones need something of the transport.
    private const ulong Known = 0x00FF_FFFF | (ulong)(VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.Version1 | VirtioFeatures.PackedRing);

    private readonly BackEnd _backEnd;
    private readonly GuestMemory _memory;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private bool _isSetUp;

    private RemoteDevice(BackEnd backEnd, string name, GuestMemory memory, int maximumQueues, ILogger logger)
    {
        _backEnd = backEnd;
        Name = name;
        _logger = logger;
        _memory = memory;
        QueueCount = Math.Clamp(Math.Min(backEnd.QueueCount, maximumQueues), 1, 256);
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Block;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ulong Features
    {
        get
        {
            // qemu-storage-daemon offers the largest segment with 0 bytes, for which Linux takes a page.
            ulong features = _backEnd.Features & Known;
            return RemoteDiskLimits.Read(_backEnd).MaximumSegmentBytes == 0 ? features & ~RemoteDiskLimits.MaximumSegmentBytesFeature : features;
        }
    }

    /// <inheritdoc/>
    public int QueueCount { get; }

    /// <inheritdoc/>
    public int FrontEndQueueCount => QueueCount;

    /// <inheritdoc/>
    public int MaximumQueueSize => 256;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    Action? IRemoteDevice.Gone { get; set; }

    /// <summary>Size of the medium as the back-end told it last.</summary>
    public long Bytes => (long)Math.Min(RemoteDiskLimits.Read(_backEnd).Sectors, long.MaxValue / BlockConfig.SectorBytes) * BlockConfig.SectorBytes;

    /// <summary>Whether the back-end refuses writes.</summary>
    public bool IsReadOnly => ((BlockFeatures)_backEnd.Features & BlockFeatures.ReadOnly) != 0;

    /// <summary>Connects to the back-end.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="memory">The RAM of the partition.</param>
    /// <param name="maximumQueues">Queues that are of use.</param>
    /// <param name="logger">For what becomes of the back-end.</param>
    /// <param name="connector">By whom it is connected to, who becomes the opened object's; null where this process may.</param>
    /// <exception cref="BackEndException">There is none, or it lacks what is needed; the message is one line that says why and what to do.</exception>
    public static RemoteDevice Open(DiskOptions options, GuestMemory memory, int maximumQueues, ILogger logger, HostConnector? connector = null)
    {
        var backEnd = BackEnd.Connect(options.Path, $"Disk '{options.Name}'", reconnect: null, BlockConfig.Size, connector, logger);
        if ((backEnd.Features & (ulong)VirtioFeatures.Version1) == 0)
        {
            backEnd.Dispose();
            throw new BackEndException($"Disk '{options.Name}' has a back-end that does not offer virtio 1.0 (bit 32), which is needed: use another back-end.");
        }

        var device = new RemoteDevice(backEnd, options.Name, memory, maximumQueues, logger);
        backEnd.Attend(device);
        return device;
    }

    /// <summary>Asks for the size again.</summary>
    /// <returns>Whether the configuration is another than it was.</returns>
    public bool Refresh()
    {
        try
        {
            return _backEnd.RefreshConfig();
        }
        catch (BackEndException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public int LaneOf(int queue) => 0;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        _backEnd.ReadConfig(destination);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[BlockConfig.QueueCountOffset..], (ushort)QueueCount);
        return BlockConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        if (offset != BlockConfig.WriteBackOffset || source.Length != 1) return false;
        try
        {
            _backEnd.WriteConfig(offset, source);
            _ = _backEnd.RefreshConfig();
            return true;
        }
        catch (BackEndException)
        {
            return false;
        }
    }

    /// <summary>Not for a device whose queues are handed over.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
        => throw new InvalidOperationException("The queues of this device are its back-end's.");

    /// <inheritdoc/>
    bool IRemoteDevice.TryStartQueue(in RemoteQueue queue, ulong features)
    {
        lock (_gate)
        {
            try
            {
                if (!_isSetUp) SetUp(features);
                _isSetUp = true;
                _backEnd.StartQueue(queue);
                return true;
            }
            catch (BackEndException)
            {
                return false;
            }
        }
    }

    /// <inheritdoc/>
    void IRemoteDevice.StopQueue(int index)
    {
        try
        {
            lock (_gate) _backEnd.StopQueue(index);
        }
        catch (BackEndException)
        {
            // It has gone, and so has what it had under way.
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_gate) _isSetUp = false;
    }

    /// <inheritdoc/>
    void IBackEndUser.ConfigChanged() => ConfigChanged?.Invoke();

    /// <inheritdoc/>
    void IBackEndUser.Lost(bool mayReturn)
    {
        VirtioLog.BackEndLost(_logger, Name);
        ((IRemoteDevice)this).Gone?.Invoke();
    }

    /// <inheritdoc/>
    void IBackEndUser.Returned()
    {
        // Not waited for: what the guest has in its rings would be lost.
    }

    /// <inheritdoc/>
    public void Dispose() => _backEnd.Dispose();

    // As the guest addresses it, with the room for what may be added to it.
    private void SetUp(ulong features)
    {
        List<VhostUserRegion> regions = [.. _memory.Regions.Select(static run => new VhostUserRegion(run.Start.Value, run.Bytes, (ulong)run.HostAddress, (ulong)run.FileOffset))];
        if (_memory.GrowthBytes > 0)
            regions.Add(new VhostUserRegion(_memory.GrowthStart.Value, _memory.GrowthBytes, (ulong)_memory.Regions[0].HostAddress + _memory.Bytes, _memory.Bytes));
        SafeHandle[] files = [.. regions.Select(_ => _memory.File)];
        _backEnd.SetUp(features, CollectionsMarshal.AsSpan(regions), files);
    }
}
