using System.Collections.Concurrent;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.TestKit.Bus;

/// <summary>The host's end of a <see cref="SocketTransport"/>: a bus whose guest is a client in another process.</summary>
/// <remarks>
/// A client that does not read makes its bus wait as soon as the socket is full, which is why no partition uses this: it joins clients that belong
/// to tests.
/// </remarks>
public sealed class SocketBusHost : IMessagePort, IEventPort, IInterruptPort, IDisposable
{
    private readonly PacketSocket _socket;
    private readonly ConcurrentDictionary<(uint Processor, uint Flag), EventFd> _interrupts = new();
    private readonly Thread _reader;
    private VmBusServer? _server;

    /// <summary>Sends the RAM to the client.</summary>
    public SocketBusHost(PacketSocket socket, GuestMemory memory)
    {
        _socket = socket;
        _reader = new Thread(Read) { Name = "socket-bus", IsBackground = true };
        Send(SocketPacketKind.Memory, 0, default, memory.File);
    }

    /// <summary>Begins to pass on what the client posts.</summary>
    public void Serve(VmBusServer server)
    {
        _server = server;
        _reader.Start();
    }

    /// <inheritdoc/>
    public void SetTarget(uint virtualProcessor)
    {
    }

    /// <inheritdoc/>
    public void Post(ReadOnlySpan<byte> message) => Send(SocketPacketKind.Message, 0, message, null);

    /// <inheritdoc/>
    public void Clear()
    {
        // What was posted is the client's already.
    }

    /// <inheritdoc/>
    public bool TryBind(uint connectionId, EventFd kick)
    {
        Send(SocketPacketKind.Bind, connectionId, default, kick);
        return true;
    }

    /// <inheritdoc/>
    public void Unbind(uint connectionId) => Send(SocketPacketKind.Unbind, connectionId, default, null);

    /// <inheritdoc/>
    public void Raise(uint virtualProcessor, uint flag)
    {
        if (_interrupts.TryGetValue((virtualProcessor, flag), out EventFd? signal)) signal.Signal();
    }

    /// <summary>Ends the connection; the bus is disposed before.</summary>
    public void Dispose()
    {
        if (_socket.IsClosed) return;
        _socket.Shutdown();
        if (_server is not null) _reader.Join();
        _socket.Dispose();
        foreach (EventFd signal in _interrupts.Values) signal.Dispose();
    }

    private void Send(SocketPacketKind kind, uint word, ReadOnlySpan<byte> rest, System.Runtime.InteropServices.SafeHandle? attachment)
    {
        Span<byte> packet = stackalloc byte[SocketTransport.MaximumPacketBytes];
        WriteUInt32LittleEndian(packet, (uint)kind);
        WriteUInt32LittleEndian(packet[4..], word);
        rest.CopyTo(packet[SocketTransport.HeaderBytes..]);
        _ = _socket.Send(packet[..(SocketTransport.HeaderBytes + rest.Length)], attachment);
    }

    private void Read()
    {
        byte[] packet = new byte[SocketTransport.MaximumPacketBytes];
        while (_socket.Receive(packet, -1, out int descriptor) is var bytes && bytes >= SocketTransport.HeaderBytes)
        {
            EventFd? signal = descriptor >= 0 ? EventFd.TryTake(descriptor) : null;
            uint word = ReadUInt32LittleEndian(packet.AsSpan(4));
            switch ((SocketPacketKind)ReadUInt32LittleEndian(packet))
            {
                case SocketPacketKind.Post:
                    while (_server!.Post(word, packet.AsSpan(SocketTransport.HeaderBytes, bytes - SocketTransport.HeaderBytes)) == PostStatus.InsufficientBuffers)
                        Thread.Yield();
                    break;
                case SocketPacketKind.Listen when signal is not null && bytes >= SocketTransport.HeaderBytes + sizeof(uint):
                    _interrupts[(ReadUInt32LittleEndian(packet.AsSpan(SocketTransport.HeaderBytes)), word)] = signal;
                    break;
                default:
                    signal?.Dispose();
                    break;
            }
        }
    }
}
