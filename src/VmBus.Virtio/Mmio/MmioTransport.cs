using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Mmio;

/// <summary>A virtio device behind a page of registers in a partition's address space (virtio-mmio, version 2).</summary>
/// <remarks>
/// The page is memory that the guest reads without an exit, kept up to date by each write of the guest's. While a queue works, only a kick and the
/// acknowledgement of an interrupt are writes, and the kernel turns both into eventfd signals: nothing of them reaches this process on the vCPU.
/// So InterruptStatus always says that a used ring may have moved once one has, which costs a driver a look at its rings.
/// <see cref="Write"/> comes from vCPU threads, the rest from any that is no lane. Source: virtio 1.3, 4.2; protocol-spec/virtio.md#mmio.
/// </remarks>
public sealed class MmioTransport : IQueueSignal, ILaneHandler, IDisposable
{
    private const int PageBytes = 4096;

    // Acknowledgements that may follow a change before the guest has seen it: of an interrupt whose status it had read already, and its own.
    private const int AcknowledgementsOfChange = 2;

    private readonly IVirtioDevice _device;
    private readonly IDeviceMemory _memory;
    private readonly ILogger _logger;
    private readonly MemoryFile _file;
    private readonly MemoryMapping _mapping;
    private readonly QueueArea _page;
    private readonly MmioQueue[] _queues;
    private readonly Lock _gate = new();
    private ulong _driverFeatures;
    private uint _deviceFeaturesSelect;
    private uint _driverFeaturesSelect;
    private uint _queueSelect;
    private IDisposable? _acknowledgements;
    private ulong _acknowledged;

    /// <summary>A device in its power-on state.</summary>
    /// <param name="device">The device, which is this object's from here on.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="lanes">What its queues run on.</param>
    /// <param name="logger">For what its driver does wrong.</param>
    /// <exception cref="LinuxException">The host has no descriptors or memory left.</exception>
    public MmioTransport(IVirtioDevice device, IDeviceMemory memory, IReadOnlyList<Lane> lanes, ILogger logger)
    {
        _device = device;
        _memory = memory;
        _logger = logger;
        _file = MemoryFile.Create("vmbus-registers", PageBytes);
        _mapping = MemoryMapping.Map(_file, 0, PageBytes);
        _page = new QueueArea(_mapping.Address, PageBytes);
        _queues = [.. Enumerable.Range(0, device.QueueCount).Select(i => new MmioQueue(i, lanes[device.LaneOf(i) % lanes.Count]))];
        device.ConfigChanged = TellConfigChanged;
        if (device is IRemoteDevice remote) remote.Gone = AskForReset;
        Render();
    }

    /// <summary>Where the page of registers is in this process.</summary>
    public nint Page => _mapping.Address;

    /// <summary>Signalled for an interrupt of the guest.</summary>
    public EventFd Interrupt { get; } = EventFd.Create();

    /// <summary>To be signalled when the guest writes the register at <see cref="AcknowledgeOffset"/>.</summary>
    public EventFd Acknowledge { get; } = EventFd.Create();

    /// <summary>Offset of the register whose writes <see cref="Acknowledge"/> takes.</summary>
    public static int AcknowledgeOffset => MmioRegister.InterruptAcknowledge;

    /// <summary>Offset of the register whose writes the queues' kicks take, by the value written.</summary>
    public static int NotifyOffset => MmioRegister.QueueNotify;

    /// <summary>To be signalled when the guest writes the number of a queue at <see cref="NotifyOffset"/>; one for each queue.</summary>
    public IReadOnlyList<EventFd> Kicks => [.. _queues.Select(static queue => queue.Kick)];

    private DeviceStatus Status
    {
        get => (DeviceStatus)_page.ReadUInt32(MmioRegister.Status);
        set => _page.WriteUInt32(MmioRegister.Status, (uint)value);
    }

    private bool IsPacked => (_driverFeatures & (ulong)VirtioFeatures.PackedRing) != 0;

    /// <summary>The guest writes to the page.</summary>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (offset >= MmioRegister.Config) WriteConfig(offset - MmioRegister.Config, data);
            else if (data.Length == sizeof(uint)) WriteRegister(offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
        }
    }

    /// <summary>The guest reads the page by an exit, which a processor that cannot run an instruction on memory causes.</summary>
    public void Read(int offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++) data[i] = offset + i < PageBytes ? _page.ReadByte(offset + i) : (byte)0xFF;
    }

    /// <summary>Puts the device into its power-on state, with nothing under way.</summary>
    public void Reset()
    {
        lock (_gate) ResetDevice();
    }

    /// <summary>Tells the driver that the configuration space is another.</summary>
    public void TellConfigChanged()
    {
        try
        {
            lock (_gate) RenderConfig();
            _queues[0].Lane.Invoke(() =>
            {
                _ = Acknowledge.Drain();
                _acknowledged = 0;
                _acknowledgements ??= _queues[0].Lane.Watch(Acknowledge, this);
                _page.SetBits(MmioRegister.InterruptStatus, (byte)MmioRegister.ConfigInterrupt);
                Interrupt.Signal();
            });
        }
        catch (ObjectDisposedException)
        {
            // The partition has ended, and nobody is there to be told.
        }
    }

    /// <summary>Takes an acknowledgement while the guest has a change to see.</summary>
    bool ILaneHandler.Run()
    {
        _acknowledged += Math.Max(1, Acknowledge.Drain());
        if (_acknowledged < AcknowledgementsOfChange) return false;
        _acknowledgements?.Dispose();
        _acknowledgements = null;
        _page.WriteUInt32(MmioRegister.InterruptStatus, MmioRegister.UsedInterrupt);
        return false;
    }

    /// <inheritdoc/>
    void IQueueSignal.Signal()
    {
        _page.SetBits(MmioRegister.InterruptStatus, (byte)MmioRegister.UsedInterrupt);
        Interrupt.Signal();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Reset();
        _device.Dispose();
        foreach (MmioQueue queue in _queues) queue.Dispose();
        Interrupt.Dispose();
        Acknowledge.Dispose();
        _mapping.Dispose();
        _file.Dispose();
    }

    private void WriteRegister(int offset, uint value)
    {
        switch (offset)
        {
            case MmioRegister.DeviceFeaturesSelect:
                _deviceFeaturesSelect = value;
                RenderFeatures();
                break;
            case MmioRegister.DriverFeaturesSelect:
                _driverFeaturesSelect = value;
                break;
            case MmioRegister.DriverFeatures when (Status & DeviceStatus.FeaturesOk) == 0 && _driverFeaturesSelect < 2:
                int shift = (int)_driverFeaturesSelect * 32;
                _driverFeatures = (_driverFeatures & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
                break;
            case MmioRegister.Status:
                WriteStatus((DeviceStatus)value);
                break;
            case MmioRegister.QueueSelect:
                _queueSelect = value;
                RenderQueue();
                break;
            default:
                if (_queueSelect < _queues.Length) WriteQueue(_queues[_queueSelect], offset, value);
                break;
        }
    }

    private void WriteQueue(MmioQueue queue, int offset, uint value)
    {
        if (offset == MmioRegister.QueueReady)
        {
            SetReady(queue, value != 0);
            return;
        }

        // Where a queue lies is settled once it is ready.
        if (queue.IsReady) return;
        switch (offset)
        {
            case MmioRegister.QueueSize:
                queue.Size = value <= _device.MaximumQueueSize && (IsPacked || BitOperations.IsPow2(value)) ? (int)value : 0;
                break;
            case MmioRegister.QueueDescriptorsLow or MmioRegister.QueueDescriptorsHigh:
                queue.Descriptors = Half(queue.Descriptors, offset == MmioRegister.QueueDescriptorsHigh, value);
                break;
            case MmioRegister.QueueDriverLow or MmioRegister.QueueDriverHigh:
                queue.Driver = Half(queue.Driver, offset == MmioRegister.QueueDriverHigh, value);
                break;
            case MmioRegister.QueueDeviceLow or MmioRegister.QueueDeviceHigh:
                queue.Device = Half(queue.Device, offset == MmioRegister.QueueDeviceHigh, value);
                break;
        }
    }

    private static ulong Half(ulong whole, bool high, uint value)
        => high ? (whole & uint.MaxValue) | ((ulong)value << 32) : (whole & ~(ulong)uint.MaxValue) | value;

    private void SetReady(MmioQueue queue, bool ready)
    {
        if (!ready) Stop(queue);
        queue.IsReady = ready && queue.Size > 0;
        RenderQueue();
        StartWhenReady(queue);
    }

    private void WriteStatus(DeviceStatus value)
    {
        if (value == DeviceStatus.Reset)
        {
            ResetDevice();
            return;
        }

        DeviceStatus now = Status;
        // A device never clears its own complaint, and a driver cannot.
        value |= now & DeviceStatus.NeedsReset;
        ulong offered = _device.Features;
        bool agreed = (_driverFeatures & ~offered) == 0 && (_driverFeatures & (ulong)VirtioFeatures.Version1) != 0;
        if ((value & ~now & DeviceStatus.FeaturesOk) != 0 && !agreed) value &= ~DeviceStatus.FeaturesOk;
        Status = value;
        foreach (MmioQueue queue in _queues) StartWhenReady(queue);
    }

    private void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        if (_device.WriteConfig(offset, data)) RenderConfig();
    }

    private void StartWhenReady(MmioQueue queue)
    {
        if (!queue.IsReady || queue.Runner is not null || queue.IsHandedOver || (Status & (DeviceStatus.DriverOk | DeviceStatus.NeedsReset)) != DeviceStatus.DriverOk) return;
        int size = queue.Size;
        (int Bytes, int Alignment) driverPart = Virtqueue.DriverPart(IsPacked, size), devicePart = Virtqueue.DevicePart(IsPacked, size);
        if (!QueueArea.TryFind(_memory, new Gpa(queue.Descriptors), size * QueueLayout.DescriptorBytes, QueueLayout.DescriptorBytes, out QueueArea descriptors)
            || !QueueArea.TryFind(_memory, new Gpa(queue.Driver), driverPart.Bytes, driverPart.Alignment, out QueueArea driver)
            || !QueueArea.TryFind(_memory, new Gpa(queue.Device), devicePart.Bytes, devicePart.Alignment, out QueueArea written))
        {
            Complain(queue.Index, "it lies outside memory, or is not aligned");
            return;
        }

        uint start = IsPacked ? PackedQueue.FreshBase : 0;
        if (_device is IRemoteDevice remote)
        {
            HandOver(remote, queue, start);
            return;
        }

        QueueSettings settings = QueueSettings.Of(_driverFeatures, size) with { Base = start };
        Virtqueue ring = Virtqueue.Open(_memory, settings, descriptors, driver, written);
        var runner = new QueueRunner(
            queue.Index, ring, queue.Lane, this, isPolled: false, failed => Complain(failed.Index, failed.Queue.Problem ?? "its driver broke a rule of the device"));
        ulong features = _driverFeatures;
        queue.Lane.Invoke(() => runner.Begin(_device.OpenQueue(queue.Index, features, runner, queue.Lane), queue.Kick));
        queue.Runner = runner;
    }

    // All of it is memory: that was looked at. Whoever works on it cannot say before its interrupts that a ring may have moved, so that is said all the time.
    private void HandOver(IRemoteDevice remote, MmioQueue queue, uint start)
    {
        _ = _memory.FindRun(new Gpa(queue.Descriptors), 1, out nint descriptors);
        _ = _memory.FindRun(new Gpa(queue.Driver), 1, out nint driver);
        _ = _memory.FindRun(new Gpa(queue.Device), 1, out nint written);
        _page.SetBits(MmioRegister.InterruptStatus, (byte)MmioRegister.UsedInterrupt);
        queue.IsHandedOver = remote.TryStartQueue(
            new Remote.RemoteQueue(queue.Index, queue.Size, start, descriptors, driver, written, queue.Kick, Interrupt), _driverFeatures);
        if (!queue.IsHandedOver) Complain(queue.Index, "its back-end has gone");
    }

    // Without the lock, as a lane may complain while a processor waits for it with the lock held.
    private void Complain(int queue, string problem)
    {
        VirtioLog.QueueBroken(_logger, _device.Name, queue, problem);
        AskForReset();
    }

    private void AskForReset()
    {
        _page.SetBits(MmioRegister.Status, (byte)DeviceStatus.NeedsReset);
        _page.SetBits(MmioRegister.InterruptStatus, (byte)MmioRegister.ConfigInterrupt);
        Interrupt.Signal();
    }

    private void Stop(MmioQueue queue)
    {
        if (queue.IsHandedOver)
        {
            ((IRemoteDevice)_device).StopQueue(queue.Index);
            queue.IsHandedOver = false;
        }

        if (queue.Runner is not { } runner) return;
        using var stopped = new ManualResetEventSlim();
        queue.Lane.Post(() => runner.Stop(stopped.Set));
        stopped.Wait();
        queue.Runner = null;
    }

    private void ResetDevice()
    {
        foreach (MmioQueue queue in _queues)
        {
            Stop(queue);
            queue.Reset();
        }

        _device.Reset();
        _driverFeatures = 0;
        _deviceFeaturesSelect = _driverFeaturesSelect = _queueSelect = 0;
        Render();
    }

    private void Render()
    {
        _page.WriteUInt32(MmioRegister.Magic, MmioRegister.MagicValue);
        _page.WriteUInt32(MmioRegister.Version, MmioRegister.VersionValue);
        _page.WriteUInt32(MmioRegister.DeviceId, (uint)_device.Type);
        _page.WriteUInt32(MmioRegister.VendorId, MmioRegister.VendorValue);
        _page.WriteUInt32(MmioRegister.InterruptStatus, 0);
        // There is no shared memory: its length reads as all ones.
        for (int offset = MmioRegister.SharedMemoryFirst; offset <= MmioRegister.SharedMemoryLast; offset += sizeof(uint)) _page.WriteUInt32(offset, uint.MaxValue);
        Status = DeviceStatus.Reset;
        RenderFeatures();
        RenderQueue();
        RenderConfig();
    }

    private void RenderFeatures() => _page.WriteUInt32(
        MmioRegister.DeviceFeatures, _deviceFeaturesSelect < 2 ? (uint)(_device.Features >> ((int)_deviceFeaturesSelect * 32)) : 0);

    private void RenderQueue()
    {
        bool exists = _queueSelect < _queues.Length;
        _page.WriteUInt32(MmioRegister.QueueSizeMaximum, exists ? (uint)_device.MaximumQueueSize : 0);
        _page.WriteUInt32(MmioRegister.QueueReady, exists && _queues[_queueSelect].IsReady ? 1U : 0U);
    }

    private void RenderConfig()
    {
        Span<byte> config = stackalloc byte[PageBytes / 8];
        int bytes = _device.ReadConfig(config);
        // A driver that reads while the bytes change finds another generation, and reads again.
        for (int i = 0; i < bytes; i++) _page.WriteByte(MmioRegister.Config + i, config[i]);
        _page.WriteUInt32(MmioRegister.ConfigGeneration, _page.ReadUInt32(MmioRegister.ConfigGeneration) + 1);
    }
}
