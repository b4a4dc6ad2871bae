using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>One end of a connected Unix socket that keeps the bounds of packets; a packet may carry one descriptor. Close-on-exec.</summary>
/// <remarks>One thread may send while another receives. Source: unix(7), cmsg(3), sendmsg(2), recvmsg(2).</remarks>
public sealed partial class PacketSocket : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int AF_UNIX = 1;
    private const int SOCK_SEQPACKET_CLOEXEC = 5 | 0x80000;
    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_NOSIGNAL = 0x4000;
    private const int MSG_CMSG_CLOEXEC = 0x4000_0000;
    private const int MSG_TRUNC = 0x20;
    private const int SHUT_RDWR = 2;
    private const short POLLIN = 1;

    private PacketSocket(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Makes both ends at once.</summary>
    /// <exception cref="LinuxException">The process has no descriptors left.</exception>
    public static unsafe (PacketSocket First, PacketSocket Second) CreatePair()
    {
        int* ends = stackalloc int[2];
        // SAFETY: the kernel writes two descriptors to the local.
        if (socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, (nint)ends) < 0)
            throw new LinuxException("Making a pair of sockets failed", Marshal.GetLastPInvokeError());
        return (new PacketSocket(ends[0]), new PacketSocket(ends[1]));
    }

    /// <summary>Takes over a connected socket of this kind that this process was given, such as one that it was started with.</summary>
    public static PacketSocket Take(int descriptor) => new(descriptor);

    /// <summary>Sends one packet; waits while the other end has no room.</summary>
    /// <param name="packet">Its bytes, at least one.</param>
    /// <param name="attachment">A descriptor that the other end gets a copy of; none when null.</param>
    /// <returns>0, or negative errno (EPIPE when the other end is closed).</returns>
    public unsafe int Send(ReadOnlySpan<byte> packet, SafeHandle? attachment = null)
    {
        bool held = false;
        try
        {
            attachment?.DangerousAddRef(ref held);
            fixed (byte* bytes = packet)
            {
                var piece = new IoVector { Address = (nint)bytes, Bytes = packet.Length };
                ControlMessage control = default;
                var message = new MessageHeader { Vectors = (nint)(&piece), VectorCount = 1 };
                if (attachment is not null)
                {
                    control = new ControlMessage
                    {
                        Bytes = ControlMessage.UsedBytes,
                        Level = SOL_SOCKET,
                        Type = SCM_RIGHTS,
                        Descriptor = (int)attachment.DangerousGetHandle(),
                    };
                    message.Control = (nint)(&control);
                    message.ControlBytes = sizeof(ControlMessage);
                }

                // SAFETY: the header points to locals and to pinned memory, with their lengths.
                while (sendmsg(this, (nint)(&message), MSG_NOSIGNAL) < 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno != Errno.EINTR) return -errno;
                }

                return 0;
            }
        }
        finally
        {
            if (held) attachment!.DangerousRelease();
        }
    }

    /// <summary>Receives one packet, if one comes in time.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="timeoutMs">How long to wait at most; -1 for ever.</param>
    /// <param name="descriptor">The descriptor that came with it, close-on-exec and the caller's to close; -1 for none.</param>
    /// <returns>Bytes of the packet; 0 when the other end is closed; negative errno: EAGAIN when none came, ENOBUFS when it was longer than the buffer.</returns>
    public unsafe int Receive(Span<byte> buffer, int timeoutMs, out int descriptor)
    {
        descriptor = -1;
        var entry = new PollEntry { Descriptor = (int)handle, Events = POLLIN };
        // SAFETY: one entry, a local.
        int ready = poll((nint)(&entry), 1, timeoutMs);
        if (ready <= 0) return ready == 0 || Marshal.GetLastPInvokeError() is Errno.EINTR ? -Errno.EAGAIN : -Marshal.GetLastPInvokeError();
        fixed (byte* bytes = buffer)
        {
            var piece = new IoVector { Address = (nint)bytes, Bytes = buffer.Length };
            ControlMessage control = default;
            var message = new MessageHeader
            {
                Vectors = (nint)(&piece),
                VectorCount = 1,
                Control = (nint)(&control),
                ControlBytes = sizeof(ControlMessage),
            };
            // SAFETY: the header points to locals and to pinned memory, with their lengths. What more descriptors there are the kernel closes.
            nint received = recvmsg(this, (nint)(&message), MSG_CMSG_CLOEXEC);
            if (received < 0) return Marshal.GetLastPInvokeError() is Errno.EINTR ? -Errno.EAGAIN : -Marshal.GetLastPInvokeError();
            bool hasDescriptor = message.ControlBytes >= ControlMessage.UsedBytes && control is { Level: SOL_SOCKET, Type: SCM_RIGHTS }
                && control.Bytes >= ControlMessage.UsedBytes;
            if (hasDescriptor) descriptor = control.Descriptor;
            if ((message.Flags & MSG_TRUNC) == 0) return (int)received;
            if (hasDescriptor) _ = close(descriptor);
            descriptor = -1;
            return -Errno.ENOBUFS;
        }
    }

    /// <summary>Ends the connection: both ends see it, and whoever waits wakes up.</summary>
    public void Shutdown() => _ = shutdown(this, SHUT_RDWR);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int family, int type, int protocol, nint ends);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(PacketSocket socket, nint message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(PacketSocket socket, nint message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(nint entries, nuint count, int timeoutMs);

    [LibraryImport("libc")]
    private static partial int shutdown(PacketSocket socket, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    // struct iovec.
    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public nint Address;
        public nint Bytes;
    }

    // struct msghdr on 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public nint Name;
        public int NameBytes;
        public nint Vectors;
        public nint VectorCount;
        public nint Control;
        public nint ControlBytes;
        public int Flags;
    }

    // struct cmsghdr and one descriptor, padded as CMSG_SPACE does.
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlMessage
    {
        public const int UsedBytes = 20;

        public nint Bytes;
        public int Level;
        public int Type;
        public int Descriptor;
        private readonly int _padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Ready;
    }
}
