using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Sockets.Connectors;

namespace VmBus.Virtio.Remote;

/// <summary>A connection to a vhost-user back-end: messages and their replies, one at a time.</summary>
/// <remarks>Any thread; each waits for the one before it, and for the back-end up to <see cref="ReplyLimit"/>. Source: the vhost-user protocol.</remarks>
internal sealed class BackEndConnection : IDisposable
{
    // What a back-end has under way ends before it answers; storage that is slower than this hangs its guest anyway.
    private static readonly TimeSpan ReplyLimit = TimeSpan.FromSeconds(30);

    private readonly string _subject;
    private readonly DescriptorSocket _socket;
    private readonly EventFd _ending = EventFd.Create();
    private readonly Lock _gate = new();

    // Within the other one: whoever waits for a reply holds that.
    private readonly Lock _endGate = new();
    private readonly byte[] _payload = new byte[VhostUserHeader.MaximumPayloadBytes];
    private bool _isClosed;

    private BackEndConnection(string subject, DescriptorSocket socket)
    {
        _subject = subject;
        _socket = socket;
    }

    /// <summary>What both ends have agreed on.</summary>
    public VhostUserFeatures Protocol { get; set; }

    /// <summary>For the kernel's waits. Valid until this is disposed.</summary>
    public int Descriptor => (int)_socket.DangerousGetHandle();

    /// <summary>Connects.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="subject">How messages begin that are about it: <c>Disk 'a'</c>.</param>
    /// <param name="connector">By whom; null where this process may connect.</param>
    /// <exception cref="BackEndException">Nobody listens there.</exception>
    public static BackEndConnection Connect(string path, string subject, HostConnector? connector)
    {
        LinuxFile? made = connector is null ? UnixSocket.TryConnect(path, out int errno) : connector.TryConnect(default, out errno);
        if (made is { } connection) return new BackEndConnection(subject, DescriptorSocket.Take(connection));
        throw new BackEndException(errno switch
        {
            Errno.ENOENT => $"{subject} has no back-end: there is no socket '{path}'; start the back-end first.",
            Errno.ECONNREFUSED => $"{subject} has no back-end: nobody listens at '{path}' any more; start it again.",
            Errno.EACCES or Errno.EPERM => $"{subject} may not be used by this user: change the permissions of the socket '{path}'.",
            Errno.EPIPE => $"{subject} cannot be connected to: the program that connects for this partition has ended; start the partition again, or add it again.",
            Errno.EAGAIN => $"{subject} has a back-end that takes no connection now: end its other front-end.",
            _ => $"{subject} cannot be connected to: {LinuxException.DescribeError(errno)}.",
        })
        {
            IsAbsent = true,
        };
    }

    /// <summary>Asks for a number.</summary>
    /// <exception cref="BackEndException">The back-end has gone, or does not answer as it must; so for all members.</exception>
    public ulong Get(VhostUserRequest request)
    {
        lock (_gate)
        {
            Send(request, [], [], needsReply: false);
            ReadOnlySpan<byte> reply = Receive(request);
            return reply.Length >= sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(reply) : throw Wrong(request, $"a reply of {reply.Length} bytes");
        }
    }

    /// <summary>Tells something, and waits for the answer where the back-end gives one.</summary>
    public void Tell(VhostUserRequest request, ReadOnlySpan<byte> payload, params ReadOnlySpan<SafeHandle> attachments)
    {
        lock (_gate)
        {
            bool waits = (Protocol & VhostUserFeatures.ReplyAck) != 0;
            Send(request, payload, attachments, waits);
            if (!waits) return;
            ReadOnlySpan<byte> reply = Receive(request);
            if (reply.Length < sizeof(ulong) || BinaryPrimitives.ReadUInt64LittleEndian(reply) != 0) throw Wrong(request, "a refusal");
        }
    }

    /// <summary>Tells a number.</summary>
    public void Tell(VhostUserRequest request, ulong value, params ReadOnlySpan<SafeHandle> attachments)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, value);
        Tell(request, payload, attachments);
    }

    /// <summary>Tells a number of a queue.</summary>
    public void Tell(VhostUserRequest request, int queue, uint value)
    {
        Span<byte> payload = stackalloc byte[VhostUserQueueState.Size];
        new VhostUserQueueState((uint)queue, value).Write(payload);
        Tell(request, payload);
    }

    /// <summary>Sends a message that has a reply of its own, and copies the reply.</summary>
    /// <returns>The reply's length.</returns>
    public int Ask(VhostUserRequest request, ReadOnlySpan<byte> payload, Span<byte> reply)
    {
        lock (_gate)
        {
            Send(request, payload, [], needsReply: false);
            ReadOnlySpan<byte> received = Receive(request);
            received[..Math.Min(received.Length, reply.Length)].CopyTo(reply);
            return received.Length;
        }
    }

    /// <summary>Ends the connection: whoever waits for a reply gets an exception.</summary>
    public void Shutdown()
    {
        lock (_endGate)
        {
            if (_isClosed) return;
            _ending.Signal();
            _socket.Shutdown();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Shutdown();
        lock (_gate)
        {
            lock (_endGate) _isClosed = true;
            _socket.Dispose();
            _ending.Dispose();
        }
    }

    private void Send(VhostUserRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<SafeHandle> attachments, bool needsReply)
    {
        if (_isClosed) throw Gone();
        Span<byte> message = stackalloc byte[VhostUserHeader.Size + payload.Length];
        uint flags = VhostUserHeader.Version | (needsReply ? VhostUserHeader.NeedReply : 0);
        new VhostUserHeader((uint)request, flags, payload.Length).Write(message);
        payload.CopyTo(message[VhostUserHeader.Size..]);
        if (_socket.Send(message, attachments) < 0) throw Gone();
    }

    private ReadOnlySpan<byte> Receive(VhostUserRequest request)
    {
        Span<byte> bytes = stackalloc byte[VhostUserHeader.Size];
        Fill(bytes, request);
        if (!VhostUserHeader.TryReadReply(bytes, out VhostUserHeader header) || header.Request != (uint)request)
            throw Wrong(request, $"message {header.Request} with flags 0x{header.Flags:x} and {header.PayloadBytes} bytes");
        Span<byte> payload = _payload.AsSpan(0, header.PayloadBytes);
        Fill(payload, request);
        return payload;
    }

    private void Fill(Span<byte> target, VhostUserRequest request)
    {
        Span<int> descriptors = stackalloc int[DescriptorSocket.MaximumDescriptors];
        long started = Stopwatch.GetTimestamp();
        while (!target.IsEmpty)
        {
            (bool ready, bool ending) = DescriptorIo.WaitForInput(Descriptor, _ending, ReplyLimit - Stopwatch.GetElapsedTime(started));
            if (ending) throw Gone();
            if (!ready) throw new BackEndException($"{_subject}: its back-end does not answer {request} within {ReplyLimit.TotalSeconds:0} seconds; look what it waits for.");
            int received = _socket.Receive(target, descriptors, out int count);
            // No reply that is asked for brings any.
            foreach (int descriptor in descriptors[..count]) DescriptorSocket.Close(descriptor);
            if (received <= 0) throw Gone();
            target = target[received..];
        }
    }

    private BackEndException Gone() => new($"{_subject}: its back-end has gone.");

    private BackEndException Wrong(VhostUserRequest request, string answer) => new($"{_subject}: its back-end answers {request} with {answer}.");
}
