namespace VmBus.Client.Transports;

/// <summary>Packets between a client and a host in two processes, over a Unix socket that keeps their bounds.</summary>
/// <remarks>
/// Each begins with its kind and one more 32-bit word. The host begins, with <see cref="Memory"/>. Order is that of the socket: a connection is
/// bound before the answer to the open that needs it, and a flag is listened to before the post that names it.
/// Source: protocol-spec/channel.md#another-process.
/// </remarks>
public enum SocketPacketKind : uint
{
    /// <summary>Host: the guest's RAM, as a memory file.</summary>
    Memory = 1,

    /// <summary>Host: a channel message follows.</summary>
    Message = 2,

    /// <summary>Host: the word is a connection, the eventfd its signals.</summary>
    Bind = 3,

    /// <summary>Host: the word is a connection that nobody listens on any more.</summary>
    Unbind = 4,

    /// <summary>Guest: the word is the connection to post on; the message follows.</summary>
    Post = 5,

    /// <summary>Guest: the word is an event flag, a second word the processor, the eventfd what the host signals.</summary>
    Listen = 6,
}
