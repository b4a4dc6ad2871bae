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

namespace VmBus.Virtio.Pci;

/// <summary>A virtio device as a function of a PCI bus (virtio-pci, modern interface): what lies among its registers, whoever decodes them.</summary>
/// <remarks>
/// While queues work a driver writes doorbells only, which the kernel turns into eventfd signals, and interrupts are messages of each queue's own that need no
/// acknowledgement: neither reaches this process on the vCPU. <see cref="Read"/> and <see cref="Write"/> come from vCPU threads, the rest from any that is
/// no lane. Source: virtio 1.3, 4.1; protocol-spec/virtio.md#pci.
/// </remarks>
public sealed class PciTransport : IDisposable
{
    private const byte UsedInterrupt = 1;
    private const byte ConfigInterrupt = 2;

    private readonly IVirtioDevice _device;
    private readonly IDeviceMemory _memory;
    private readonly ILogger _logger;
    private readonly PciQueue[] _queues;
    private readonly EventFd[] _messages;
    private readonly EventFd _unheard = EventFd.Create();
    private readonly Lock _gate = new();
    private ulong _driverFeatures;
    private uint _deviceFeaturesSelect;
    private uint _driverFeaturesSelect;
    private int _queueSelect;
    private int _status;
    private int _interruptStatus;
    private volatile ushort _configVector = CommonRegister.NoVector;
    private byte _generation;

    /// <summary>A device in its power-on state.</summary>
    /// <param name="device">The device, which is this object's from here on.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="lanes">What its queues run on.</param>
    /// <param name="logger">For what its driver does wrong.</param>
    /// <exception cref="LinuxException">The host has no descriptors left.</exception>
    public PciTransport(IVirtioDevice device, IDeviceMemory memory, IReadOnlyList<Lane> lanes, ILogger logger)
    {
        _device = device;
        _memory = memory;
        _logger = logger;
        _queues = [.. Enumerable.Range(0, device.QueueCount).Select(i => new PciQueue(i, lanes[device.LaneOf(i) % lanes.Count], device.MaximumQueueSize))];
        // One for each queue, and one for changes.
        _messages = [.. Enumerable.Range(0, _queues.Length + 1).Select(static _ => EventFd.Create())];
        device.ConfigChanged = TellConfigChanged;
        if (device is IRemoteDevice remote) remote.Gone = AskForReset;
    }

    /// <summary>What the device is.</summary>
    public VirtioDeviceType Type => _device.Type;

    /// <summary>Vendor-specific capabilities, each whole but for where the next one is.</summary>
    public IReadOnlyList<byte[]> Capabilities => PciCapabilities.All(_queues.Length);

    /// <summary>Which of <see cref="Capabilities"/> reaches registers through configuration space.</summary>
    public static int AccessCapability => PciCapabilities.AccessIndex;

    /// <summary>Signalled for interrupts of the guest, one for each message.</summary>
    public IReadOnlyList<EventFd> Messages => _messages;

    /// <summary>Offsets of the queues' doorbells, and what is to be signalled when the guest writes there.</summary>
    public IReadOnlyList<(int Offset, EventFd Target)> Doorbells
        => [.. _queues.Select(static queue => (PciCapabilities.DoorbellsAt + (queue.Index * PciCapabilities.DoorbellBytes), queue.Kick))];

    private DeviceStatus Status => (DeviceStatus)Volatile.Read(ref _status);

    private bool IsPacked => (_driverFeatures & (ulong)VirtioFeatures.PackedRing) != 0;

    /// <summary>The guest writes registers.</summary>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (offset < CommonRegister.Bytes) WriteCommon(offset, data);
            else if (offset is >= PciCapabilities.ConfigAt and < PciCapabilities.ConfigAt + PciCapabilities.ConfigBytes) WriteConfig(offset - PciCapabilities.ConfigAt, data);
        }
    }

    /// <summary>The guest reads registers.</summary>
    public void Read(int offset, Span<byte> data)
    {
        data.Clear();
        lock (_gate)
        {
            if (offset < CommonRegister.Bytes) ReadCommon(offset, data);
            else if (offset == PciCapabilities.InterruptStatusAt) data[0] = (byte)Interlocked.Exchange(ref _interruptStatus, 0);
            else if (offset is >= PciCapabilities.ConfigAt and < PciCapabilities.ConfigAt + PciCapabilities.ConfigBytes) ReadConfig(offset - PciCapabilities.ConfigAt, data);
        }
    }

    /// <summary>Puts the device into its power-on state, with nothing under way.</summary>
    public void Reset()
    {
        lock (_gate) ResetDevice();
    }

    /// <summary>Tells the driver that the configuration space is another.</summary>
    public void TellConfigChanged()
    {
        // A driver that reads while the bytes change finds another generation, and reads again.
        lock (_gate) _generation++;
        SignalConfig();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Reset();
        _device.Dispose();
        foreach (PciQueue queue in _queues) queue.Dispose();
        foreach (EventFd message in _messages) message.Dispose();
        _unheard.Dispose();
    }

    private void ReadCommon(int offset, Span<byte> data)
    {
        Span<byte> registers = stackalloc byte[CommonRegister.Bytes];
        registers.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(registers[CommonRegister.DeviceFeaturesSelect..], _deviceFeaturesSelect);
        BinaryPrimitives.WriteUInt32LittleEndian(registers[CommonRegister.DeviceFeatures..], Half(_device.Features, _deviceFeaturesSelect));
        BinaryPrimitives.WriteUInt32LittleEndian(registers[CommonRegister.DriverFeaturesSelect..], _driverFeaturesSelect);
        BinaryPrimitives.WriteUInt32LittleEndian(registers[CommonRegister.DriverFeatures..], Half(_driverFeatures, _driverFeaturesSelect));
        BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.ConfigVector..], _configVector);
        BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueCount..], (ushort)_queues.Length);
        registers[CommonRegister.Status] = (byte)Status;
        registers[CommonRegister.ConfigGeneration] = _generation;
        BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueSelect..], (ushort)_queueSelect);
        if (_queueSelect < _queues.Length)
        {
            PciQueue queue = _queues[_queueSelect];
            BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueSize..], (ushort)queue.Size);
            BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueVector..], queue.Vector);
            BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueEnable..], queue.IsEnabled ? (ushort)1 : (ushort)0);
            BinaryPrimitives.WriteUInt16LittleEndian(registers[CommonRegister.QueueNotifyOffset..], (ushort)queue.Index);
            BinaryPrimitives.WriteUInt64LittleEndian(registers[CommonRegister.QueueDescriptors..], queue.Descriptors);
            BinaryPrimitives.WriteUInt64LittleEndian(registers[CommonRegister.QueueDriver..], queue.Driver);
            BinaryPrimitives.WriteUInt64LittleEndian(registers[CommonRegister.QueueDevice..], queue.Device);
        }

        ReadOnlySpan<byte> rest = registers[offset..];
        rest[..Math.Min(rest.Length, data.Length)].CopyTo(data);
    }

    // Each register is written whole, those of 8 bytes also by halves.
    private void WriteCommon(int offset, ReadOnlySpan<byte> data)
    {
        switch (offset, data.Length)
        {
            case (CommonRegister.DeviceFeaturesSelect, 4):
                _deviceFeaturesSelect = BinaryPrimitives.ReadUInt32LittleEndian(data);
                break;
            case (CommonRegister.DriverFeaturesSelect, 4):
                _driverFeaturesSelect = BinaryPrimitives.ReadUInt32LittleEndian(data);
                break;
            case (CommonRegister.DriverFeatures, 4) when (Status & DeviceStatus.FeaturesOk) == 0 && _driverFeaturesSelect < 2:
                int shift = (int)_driverFeaturesSelect * 32;
                _driverFeatures = (_driverFeatures & ~((ulong)uint.MaxValue << shift)) | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(data) << shift);
                break;
            case (CommonRegister.ConfigVector, 2):
                _configVector = Vector(data);
                break;
            case (CommonRegister.Status, 1):
                WriteStatus((DeviceStatus)data[0]);
                break;
            case (CommonRegister.QueueSelect, 2):
                _queueSelect = BinaryPrimitives.ReadUInt16LittleEndian(data);
                break;
            default:
                if (_queueSelect < _queues.Length) WriteQueue(_queues[_queueSelect], offset, data);
                break;
        }
    }

    // Where a queue lies is settled once it is enabled, which it is until the device is reset.
    private void WriteQueue(PciQueue queue, int offset, ReadOnlySpan<byte> data)
    {
        if (queue.IsEnabled) return;
        switch (offset, data.Length)
        {
            case (CommonRegister.QueueSize, 2):
                int size = BinaryPrimitives.ReadUInt16LittleEndian(data);
                queue.Size = size <= _device.MaximumQueueSize && (IsPacked || BitOperations.IsPow2(size)) ? size : 0;
                break;
            case (CommonRegister.QueueVector, 2):
                queue.Vector = Vector(data);
                break;
            case (CommonRegister.QueueEnable, 2):
                queue.IsEnabled = data[0] == 1 && queue.Size > 0;
                StartWhenReady(queue);
                break;
            case ( >= CommonRegister.QueueDescriptors and < CommonRegister.QueueDriver, 4 or 8):
                queue.Descriptors = Merge(queue.Descriptors, offset - CommonRegister.QueueDescriptors, data);
                break;
            case ( >= CommonRegister.QueueDriver and < CommonRegister.QueueDevice, 4 or 8):
                queue.Driver = Merge(queue.Driver, offset - CommonRegister.QueueDriver, data);
                break;
            case ( >= CommonRegister.QueueDevice and < CommonRegister.Bytes, 4 or 8):
                queue.Device = Merge(queue.Device, offset - CommonRegister.QueueDevice, data);
                break;
        }
    }

    private ushort Vector(ReadOnlySpan<byte> data)
    {
        ushort vector = BinaryPrimitives.ReadUInt16LittleEndian(data);
        return vector < _messages.Length ? vector : CommonRegister.NoVector;
    }

    private static uint Half(ulong whole, uint select) => select < 2 ? (uint)(whole >> ((int)select * 32)) : 0;

    private static ulong Merge(ulong whole, int at, ReadOnlySpan<byte> data)
    {
        if (at % data.Length != 0) return whole;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, whole);
        data.CopyTo(bytes[at..]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[PciCapabilities.ConfigBytes];
        config.Clear();
        _ = _device.ReadConfig(config);
        ReadOnlySpan<byte> rest = config[offset..];
        rest[..Math.Min(rest.Length, data.Length)].CopyTo(data);
    }

    private void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        if (_device.WriteConfig(offset, data)) _generation++;
    }

    private void WriteStatus(DeviceStatus value)
    {
        if (value == DeviceStatus.Reset)
        {
            ResetDevice();
            return;
        }

        DeviceStatus now = Status;
        ulong offered = _device.Features;
        bool agreed = (_driverFeatures & ~offered) == 0 && (_driverFeatures & (ulong)VirtioFeatures.Version1) != 0;
        if ((value & ~now & DeviceStatus.FeaturesOk) != 0 && !agreed) value &= ~DeviceStatus.FeaturesOk;
        // A device never clears its own complaint, and a driver cannot.
        Interlocked.Or(ref _status, (int)value);
        Interlocked.And(ref _status, (int)(value | DeviceStatus.NeedsReset));
        foreach (PciQueue queue in _queues) StartWhenReady(queue);
    }

    private void StartWhenReady(PciQueue queue)
    {
        if (!queue.IsEnabled || queue.Runner is not null || queue.IsHandedOver || (Status & (DeviceStatus.DriverOk | DeviceStatus.NeedsReset)) != DeviceStatus.DriverOk) return;
        int size = queue.Size;
        // The size may have been chosen before the kind of ring was.
        if (!IsPacked && !BitOperations.IsPow2(size))
        {
            Complain(queue.Index, $"it has {size} entries, which a split ring cannot have");
            return;
        }

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
        IQueueSignal signal = new Signal(this, MessageOf(queue));
        var runner = new QueueRunner(
            queue.Index, ring, queue.Lane, signal, isPolled: false, failed => Complain(failed.Index, failed.Queue.Problem ?? "its driver broke a rule of the device"));
        ulong features = _driverFeatures;
        queue.Lane.Invoke(() => runner.Begin(_device.OpenQueue(queue.Index, features, runner, queue.Lane), queue.Kick));
        queue.Runner = runner;
    }

    private EventFd? MessageOf(PciQueue queue) => queue.Vector == CommonRegister.NoVector ? null : _messages[queue.Vector];

    // All of it is memory: that was looked at. Without a message the driver looks by itself, and what is signalled is nobody's.
    private void HandOver(IRemoteDevice remote, PciQueue queue, uint start)
    {
        _ = _memory.FindRun(new Gpa(queue.Descriptors), 1, out nint descriptors);
        _ = _memory.FindRun(new Gpa(queue.Driver), 1, out nint driver);
        _ = _memory.FindRun(new Gpa(queue.Device), 1, out nint written);
        queue.IsHandedOver = remote.TryStartQueue(
            new Remote.RemoteQueue(queue.Index, queue.Size, start, descriptors, driver, written, queue.Kick, MessageOf(queue) ?? _unheard), _driverFeatures);
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
        Interlocked.Or(ref _status, (int)DeviceStatus.NeedsReset);
        SignalConfig();
    }

    private void SignalConfig()
    {
        Interlocked.Or(ref _interruptStatus, ConfigInterrupt);
        ushort vector = _configVector;
        if (vector != CommonRegister.NoVector) _messages[vector].Signal();
    }

    private void Stop(PciQueue queue)
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
        foreach (PciQueue queue in _queues)
        {
            Stop(queue);
            queue.Reset();
        }

        _device.Reset();
        _driverFeatures = 0;
        _deviceFeaturesSelect = _driverFeaturesSelect = 0;
        _queueSelect = 0;
        _configVector = CommonRegister.NoVector;
        Volatile.Write(ref _status, (int)DeviceStatus.Reset);
        Volatile.Write(ref _interruptStatus, 0);
        // What nobody took is not for the next driver.
        foreach (EventFd message in _messages) _ = message.Drain();
    }

    // Of one queue. Without a message its driver reads the interrupt status, which nothing else says it needs.
    private sealed class Signal(PciTransport transport, EventFd? message) : IQueueSignal
    {
        void IQueueSignal.Signal()
        {
            if (message is not null) message.Signal();
            else Interlocked.Or(ref transport._interruptStatus, UsedInterrupt);
        }
    }
}
