using System.Collections.Concurrent;
using System.Diagnostics;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Client.Transports;

/// <summary>A host in another process: messages over a Unix socket; memory, signals and interrupts by descriptors that came over it.</summary>
/// <remarks>
/// Frames and requests never touch the socket: rings lie in shared memory and signals are eventfd writes, as in a partition. Whoever shares memory
/// this way trusts the other not to shrink it. Source: protocol-spec/channel.md#another-process.
/// </remarks>
public sealed class SocketTransport : IClientTransport
{
    /// <summary>Bytes of a packet before what follows.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Bytes of a packet at most.</summary>
    public const int MaximumPacketBytes = HeaderBytes + SyntheticInterrupts.MaximumMessageBytes;

    // Channel ids are at most 2047: no sound host binds more.
    private const int MaximumConnections = SyntheticInterrupts.EventFlagCount;

    private readonly PacketSocket _socket;
    private readonly byte[] _packet = new byte[MaximumPacketBytes];
    private readonly byte[] _post = new byte[MaximumPacketBytes];
    private readonly ConcurrentDictionary<uint, EventFd> _connections = new();
    private readonly HashSet<(uint Processor, uint Flag)> _listens = [];

    // One for a flag, whatever processors it is raised on.
    private readonly ConcurrentDictionary<uint, EventFd> _interrupts = new();

    private SocketTransport(PacketSocket socket, GuestMemory memory) => (_socket, Memory) = (socket, memory);

    /// <inheritdoc/>
    public GuestMemory Memory { get; }

    /// <summary>Packets of the host that make no sense.</summary>
    public long Malformed { get; private set; }

    /// <summary>Takes over a connected socket, and waits for the host's memory.</summary>
    /// <returns>Null, with the socket closed, when none comes in time.</returns>
    public static SocketTransport? TryStart(PacketSocket socket, TimeSpan timeout)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Span<byte> packet = stackalloc byte[MaximumPacketBytes];
        int bytes = socket.Receive(packet, ToMilliseconds(timeout), out int descriptor);
        MemoryFile? file = descriptor >= 0 ? MemoryFile.TryTake(descriptor) : null;
        bool sound = bytes >= HeaderBytes && ReadUInt32LittleEndian(packet) == (uint)SocketPacketKind.Memory && file?.Bytes % Gpa.PageBytes == 0;
        if (sound && TryAttach(file!) is { } memory) return new SocketTransport(socket, memory);
        file?.Dispose();
        socket.Dispose();
        return null;
    }

    /// <inheritdoc/>
    public PostResult Post(uint connectionId, ReadOnlySpan<byte> message)
    {
        if (message.Length > SyntheticInterrupts.MaximumMessageBytes) return PostResult.Refused;
        WriteUInt32LittleEndian(_post, (uint)SocketPacketKind.Post);
        WriteUInt32LittleEndian(_post.AsSpan(4), connectionId);
        message.CopyTo(_post.AsSpan(HeaderBytes));
        return _socket.Send(_post.AsSpan(0, HeaderBytes + message.Length)) == 0 ? PostResult.Accepted : PostResult.Refused;
    }

    /// <inheritdoc/>
    public int TakeMessage(Span<byte> destination, TimeSpan timeout)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(started);
            int bytes = _socket.Receive(_packet, ToMilliseconds(left), out int descriptor);
            // Nothing in time, or no host any more.
            if (bytes is 0 or -Errno.EAGAIN || (bytes < 0 && bytes != -Errno.ENOBUFS)) return -1;
            ReadOnlySpan<byte> packet = _packet.AsSpan(0, Math.Max(bytes, 0));
            if (Take(packet, descriptor))
            {
                packet[HeaderBytes..].CopyTo(destination);
                return packet.Length - HeaderBytes;
            }

            // However much else a host sends.
            if (left <= TimeSpan.Zero) return -1;
        }
    }

    /// <inheritdoc/>
    public void Listen(uint processor, uint flag)
    {
        if (!_listens.Add((processor, flag))) return;
        EventFd signal = _interrupts.GetOrAdd(flag, static _ => EventFd.Create());
        Span<byte> packet = stackalloc byte[HeaderBytes + sizeof(uint)];
        WriteUInt32LittleEndian(packet, (uint)SocketPacketKind.Listen);
        WriteUInt32LittleEndian(packet[4..], flag);
        WriteUInt32LittleEndian(packet[HeaderBytes..], processor);
        // A host that is gone shows at the post that follows.
        _ = _socket.Send(packet, signal);
    }

    /// <inheritdoc/>
    public bool Signal(uint connectionId)
    {
        if (!_connections.TryGetValue(connectionId, out EventFd? signal)) return false;
        try
        {
            signal.Signal();
            return true;
        }
        catch (ObjectDisposedException)
        {
            // The host has just closed the channel.
            return false;
        }
    }

    /// <inheritdoc/>
    public bool WaitForInterrupt(uint flag, TimeSpan timeout)
        => _interrupts.TryGetValue(flag, out EventFd? signal) && signal.Wait(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Shutdown();
        _socket.Dispose();
        foreach (EventFd signal in _connections.Values.Concat(_interrupts.Values)) signal.Dispose();
        Memory.Dispose();
    }

    private static int ToMilliseconds(TimeSpan time) => (int)Math.Clamp(Math.Ceiling(time.TotalMilliseconds), 0, int.MaxValue);

    private static GuestMemory? TryAttach(MemoryFile file)
    {
        try
        {
            return GuestMemory.Attach(file);
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    // True for a message; everything else is done here.
    private bool Take(ReadOnlySpan<byte> packet, int descriptor)
    {
        EventFd? signal = descriptor >= 0 ? EventFd.TryTake(descriptor) : null;
        var kind = packet.Length < HeaderBytes ? default : (SocketPacketKind)ReadUInt32LittleEndian(packet);
        uint word = packet.Length < HeaderBytes ? 0 : ReadUInt32LittleEndian(packet[4..]);
        switch (kind)
        {
            case SocketPacketKind.Message:
                signal?.Dispose();
                return true;
            case SocketPacketKind.Bind when signal is not null && _connections.Count < MaximumConnections && _connections.TryAdd(word, signal):
                return false;
            case SocketPacketKind.Unbind when _connections.TryRemove(word, out EventFd? old):
                signal?.Dispose();
                old.Dispose();
                return false;
            default:
                signal?.Dispose();
                Malformed++;
                return false;
        }
    }
}
