using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.VhostUser;

/// <summary>One front-end and its device: the messages, one after the other, on a thread of their own; queues run on lanes.</summary>
/// <remarks>
/// The front-end is not trusted: what it sends is checked, and what breaks the protocol ends the session with one log line and nothing else.
/// Source: the vhost-user protocol; protocol-spec/vhost-user.md#wire.
/// </remarks>
internal sealed partial class VhostUserSession : IDisposable
{
    private const VhostUserFeatures OfferedProtocol = VhostUserFeatures.MultiQueue | VhostUserFeatures.LogSharedMemory | VhostUserFeatures.ReplyAck
        | VhostUserFeatures.BackendRequests | VhostUserFeatures.Config | VhostUserFeatures.InflightSharedMemory | VhostUserFeatures.ResetDevice
        | VhostUserFeatures.ConfigureMemorySlots | VhostUserFeatures.Status;

    private const ulong Transport = (ulong)(VirtioFeatures.LogAll | VirtioFeatures.ProtocolFeatures);

    private readonly string _socketName;
    private readonly int _number;
    private readonly DescriptorSocket _socket;
    private readonly IVirtioDevice _device;
    private readonly ILogger _logger;
    private readonly MemoryTable _memory = new();
    private readonly SessionQueue[] _queues;
    private readonly byte[] _payload = new byte[VhostUserHeader.MaximumPayloadBytes];
    private readonly int[] _descriptors = new int[DescriptorSocket.MaximumDescriptors];
    private readonly Lock _backendGate = new();
    private int _descriptorCount;
    private DescriptorSocket? _backend;
    private ulong _features;
    private VhostUserFeatures _protocol;
    private byte _status;

    public VhostUserSession(string socketName, int number, LinuxFile connection, IVirtioDevice device, IReadOnlyList<Lane> lanes, ILogger logger)
    {
        _socketName = socketName;
        _number = number;
        _socket = DescriptorSocket.Take(connection);
        _device = device;
        _logger = logger;
        _queues = [.. Enumerable.Range(0, device.QueueCount).Select(i => new SessionQueue(i, lanes[(number + device.LaneOf(i)) % lanes.Count]))];
        device.ConfigChanged = TellConfigChanged;
    }

    private ulong OfferedFeatures => _device.Features | Transport;

    /// <summary>Serves the front-end until it goes, breaks the protocol, or <see cref="Shutdown"/>.</summary>
    public void Run()
    {
        VirtioLog.Connected(_logger, _socketName, _number);
        try
        {
            while (TryReceive(out VhostUserHeader header)) Handle(header);
            VirtioLog.Disconnected(_logger, _socketName, _number);
        }
        catch (FrontEndException problem)
        {
            VirtioLog.Refused(_logger, _socketName, _number, problem.Message);
        }
        finally
        {
            CloseDescriptors();
            StopAll();
        }
    }

    /// <summary>Ends the connection, from any thread; <see cref="Run"/> returns.</summary>
    public void Shutdown() => _socket.Shutdown();

    /// <summary>Tells the front-end that the configuration space is another. Any thread.</summary>
    public void TellConfigChanged()
    {
        Span<byte> message = stackalloc byte[VhostUserHeader.Size];
        new VhostUserHeader((uint)VhostUserBackendRequest.ConfigChanged, VhostUserHeader.Version, 0).Write(message);
        // One that does not read has enough to read.
        lock (_backendGate) _ = _backend?.Send(message, wait: false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SessionQueue queue in _queues) queue.Dispose();
        _inflight?.Dispose();
        _log?.Dispose();
        _memory.Dispose();
        lock (_backendGate)
        {
            // Whoever still tells of a change, as links do on threads of their own, finds nobody to tell.
            _backend?.Dispose();
            _backend = null;
        }

        _socket.Dispose();
        _device.Dispose();
    }

    // False at the end of the connection.
    private bool TryReceive(out VhostUserHeader header)
    {
        CloseDescriptors();
        Span<byte> bytes = stackalloc byte[VhostUserHeader.Size];
        header = default;
        if (!TryFill(bytes)) return false;
        if (!VhostUserHeader.TryRead(bytes, out header))
            throw new FrontEndException($"a message header (request {header.Request}, flags 0x{header.Flags:x}, {header.PayloadBytes} bytes) is none of this protocol");
        if (!TryFill(_payload.AsSpan(0, header.PayloadBytes))) throw new FrontEndException("it ended in the middle of a message");
        return true;
    }

    private bool TryFill(Span<byte> target)
    {
        bool any = false;
        Span<int> received = stackalloc int[DescriptorSocket.MaximumDescriptors];
        while (!target.IsEmpty)
        {
            int bytes = _socket.Receive(target, received, out int count);
            Keep(received[..count]);
            if (bytes <= 0) return any ? throw new FrontEndException("it ended in the middle of a message") : false;
            any = true;
            target = target[bytes..];
        }

        return true;
    }

    private void Keep(ReadOnlySpan<int> received)
    {
        bool fits = received.Length <= _descriptors.Length - _descriptorCount;
        foreach (int descriptor in received)
        {
            if (fits) _descriptors[_descriptorCount++] = descriptor;
            else DescriptorSocket.Close(descriptor);
        }

        if (!fits) throw new FrontEndException($"a message has more than {_descriptors.Length} descriptors");
    }

    // What no message took.
    private void CloseDescriptors()
    {
        while (_descriptorCount > 0)
        {
            int descriptor = _descriptors[--_descriptorCount];
            if (descriptor >= 0) DescriptorSocket.Close(descriptor);
        }
    }

    // The caller's to close from here on.
    private int TakeDescriptor(int index = 0)
    {
        if (index >= _descriptorCount) throw new FrontEndException("a message lacks a descriptor");
        int descriptor = _descriptors[index];
        _descriptors[index] = -1;
        return descriptor;
    }

    private void Handle(in VhostUserHeader header)
    {
        var request = (VhostUserRequest)header.Request;
        ReadOnlySpan<byte> payload = _payload.AsSpan(0, header.PayloadBytes);
        VirtioLog.Message(_logger, _socketName, _number, request, payload.Length);
        bool replied = false;
        bool known = true;
        switch (request)
        {
            case VhostUserRequest.GetFeatures:
                replied = Reply(request, OfferedFeatures);
                break;
            case VhostUserRequest.SetFeatures:
                SetFeatures(ReadNumber(payload));
                break;
            case VhostUserRequest.SetOwner:
                break;
            case VhostUserRequest.ResetOwner:
                StopAll();
                break;
            case VhostUserRequest.GetProtocolFeatures:
                replied = Reply(request, (ulong)OfferedProtocol);
                break;
            case VhostUserRequest.SetProtocolFeatures:
                SetProtocolFeatures(ReadNumber(payload));
                break;
            case VhostUserRequest.GetQueueCount:
                replied = Reply(request, (ulong)_device.FrontEndQueueCount);
                break;
            case VhostUserRequest.GetConfig:
                replied = ReplyConfig(payload);
                break;
            case VhostUserRequest.SetConfig:
                SetConfig(payload);
                break;
            case VhostUserRequest.SetBackendRequests:
                SetBackend();
                break;
            case VhostUserRequest.ResetDevice:
                StopAll();
                foreach (SessionQueue queue in _queues) queue.IsEnabled = false;
                _device.Reset();
                break;
            case VhostUserRequest.SetStatus:
                SetStatus(ReadNumber(payload));
                break;
            case VhostUserRequest.GetStatus:
                replied = Reply(request, _status);
                break;
            default:
                known = HandleMemory(request, payload, ref replied) || HandleQueue(request, payload, ref replied);
                break;
        }

        if (!known && !header.NeedsReply) throw new FrontEndException($"it sends request {header.Request}, which is not offered");
        if (!replied && header.NeedsReply && (_protocol & VhostUserFeatures.ReplyAck) != 0) Reply(request, known ? 0UL : 1UL);
    }

    private void SetFeatures(ulong features)
    {
        if ((features & ~OfferedFeatures) != 0) throw new FrontEndException($"it takes features 0x{features & ~OfferedFeatures:x}, which are not offered");
        // Some front-ends set them again without this bit, and then never enable a queue.
        bool enables = (features & (ulong)VirtioFeatures.ProtocolFeatures) == 0;
        bool restarts = features != _features;
        _features = features;
        foreach (SessionQueue queue in _queues)
        {
            if (enables) queue.IsEnabled = true;
            if (restarts && queue.Runner is not null) Stop(queue);
            StartWhenReady(queue);
        }
    }

    private void SetProtocolFeatures(ulong features)
    {
        if ((features & ~(ulong)OfferedProtocol) != 0)
            throw new FrontEndException($"it takes protocol features 0x{features & ~(ulong)OfferedProtocol:x}, which are not offered");
        _protocol = (VhostUserFeatures)features;
    }

    private void SetStatus(ulong status)
    {
        _status = (byte)status;
        if (status != 0) return;
        StopAll();
        _device.Reset();
    }

    private bool ReplyConfig(ReadOnlySpan<byte> payload)
    {
        if (!VhostUserConfig.TryRead(payload, out VhostUserConfig wanted)) throw new FrontEndException("a message to read the configuration is too short");
        if (wanted.Bytes > VhostUserConfig.MaximumBytes || wanted.Offset > VhostUserConfig.MaximumBytes - wanted.Bytes)
            return Reply(VhostUserRequest.GetConfig, []);
        Span<byte> config = stackalloc byte[VhostUserConfig.MaximumBytes];
        config.Clear();
        _ = _device.ReadConfig(config);
        Span<byte> reply = stackalloc byte[VhostUserConfig.Size + VhostUserConfig.MaximumBytes];
        payload[..VhostUserConfig.Size].CopyTo(reply);
        config.Slice((int)wanted.Offset, (int)wanted.Bytes).CopyTo(reply[VhostUserConfig.Size..]);
        return Reply(VhostUserRequest.GetConfig, reply[..(VhostUserConfig.Size + (int)wanted.Bytes)]);
    }

    private void SetConfig(ReadOnlySpan<byte> payload)
    {
        if (!VhostUserConfig.TryRead(payload, out VhostUserConfig wanted) || wanted.Bytes > payload.Length - VhostUserConfig.Size
            || wanted.Offset > VhostUserConfig.MaximumBytes)
        {
            throw new FrontEndException("a message to write the configuration is too short");
        }

        if (!_device.WriteConfig((int)wanted.Offset, payload.Slice(VhostUserConfig.Size, (int)wanted.Bytes)))
            throw new FrontEndException($"it writes {wanted.Bytes} bytes at {wanted.Offset} of the configuration, which are not to be written");
    }

    private void SetBackend()
    {
        var socket = DescriptorSocket.Take(new LinuxFile(TakeDescriptor()));
        lock (_backendGate)
        {
            _backend?.Dispose();
            _backend = socket;
        }
    }

    private bool Reply(VhostUserRequest request, ulong value)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, value);
        return Reply(request, payload);
    }

    private bool Reply(VhostUserRequest request, ReadOnlySpan<byte> payload, System.Runtime.InteropServices.SafeHandle? attachment = null)
    {
        Span<byte> message = stackalloc byte[VhostUserHeader.Size + payload.Length];
        new VhostUserHeader((uint)request, VhostUserHeader.Version | VhostUserHeader.Reply, payload.Length).Write(message);
        payload.CopyTo(message[VhostUserHeader.Size..]);
        // One that has gone is noticed at the next receive.
        _ = _socket.Send(message, attachment);
        return true;
    }

    private static ulong ReadNumber(ReadOnlySpan<byte> payload)
        => payload.Length >= sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(payload) : throw new FrontEndException("a message is too short for its number");
}
