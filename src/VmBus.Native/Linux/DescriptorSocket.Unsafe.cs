using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A connected Unix stream socket whose bytes may be accompanied by descriptors. Close-on-exec, blocking.</summary>
/// <remarks>One thread may send while another receives. Source: unix(7), cmsg(3), sendmsg(2), recvmsg(2).</remarks>
public sealed partial class DescriptorSocket : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Descriptors that one receive takes; the kernel closes what is more.</summary>
    public const int MaximumDescriptors = 32;

    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_NOSIGNAL = 0x4000;
    private const int MSG_DONTWAIT = 0x40;
    private const int MSG_CMSG_CLOEXEC = 0x4000_0000;
    private const int SHUT_RDWR = 2;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int O_NONBLOCK = 0x800;

    private DescriptorSocket(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Takes over a connection, which waits from now on.</summary>
    public static DescriptorSocket Take(LinuxFile connection)
    {
        var socket = new DescriptorSocket(connection.Descriptor);
        connection.SetHandleAsInvalid();
        int flags = fcntl(socket, F_GETFL, 0);
        if (flags >= 0) _ = fcntl(socket, F_SETFL, flags & ~O_NONBLOCK);
        return socket;
    }

    /// <summary>Sends all bytes, with a descriptor that the other end gets a copy of; waits while there is no room.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="attachment">The descriptor; none when null.</param>
    /// <param name="wait">False to give up where it would wait.</param>
    /// <returns>0, or negative errno (EPIPE when the other end is closed).</returns>
    public int Send(ReadOnlySpan<byte> data, SafeHandle? attachment = null, bool wait = true)
    {
        if (attachment is null) return Send(data, ReadOnlySpan<SafeHandle>.Empty, wait);
        return Send(data, new ReadOnlySpan<SafeHandle>(ref attachment), wait);
    }

    /// <summary>As <see cref="Send(ReadOnlySpan{byte}, SafeHandle, bool)"/>, with any number of descriptors up to <see cref="MaximumDescriptors"/>.</summary>
    public unsafe int Send(ReadOnlySpan<byte> data, ReadOnlySpan<SafeHandle> attachments, bool wait = true)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attachments.Length, MaximumDescriptors, nameof(attachments));
        int held = 0;
        try
        {
            foreach (SafeHandle attachment in attachments)
            {
                bool one = false;
                attachment.DangerousAddRef(ref one);
                held++;
            }

            fixed (byte* bytes = data)
            {
                int sent = 0;
                while (sent < data.Length)
                {
                    var piece = new IoVector { Address = (nint)(bytes + sent), Bytes = data.Length - sent };
                    ControlMessage control = default;
                    var message = new MessageHeader { Vectors = (nint)(&piece), VectorCount = 1 };
                    if (attachments.Length > 0 && sent == 0)
                    {
                        control.Bytes = ControlMessage.HeaderBytes + (sizeof(int) * attachments.Length);
                        control.Level = SOL_SOCKET;
                        control.Type = SCM_RIGHTS;
                        for (int i = 0; i < attachments.Length; i++) control.Descriptors[i] = (int)attachments[i].DangerousGetHandle();
                        message.Control = (nint)(&control);
                        message.ControlBytes = control.Bytes;
                    }

                    // SAFETY: the header points to locals and to pinned memory, with their lengths.
                    nint done = sendmsg(this, (nint)(&message), wait ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT);
                    if (done >= 0)
                    {
                        sent += (int)done;
                        continue;
                    }

                    int errno = Marshal.GetLastPInvokeError();
                    if (errno != Errno.EINTR) return -errno;
                }

                return 0;
            }
        }
        finally
        {
            for (int i = 0; i < held; i++) attachments[i].DangerousRelease();
        }
    }

    /// <summary>Waits for bytes and takes what is there, with the descriptors that came beside them.</summary>
    /// <param name="buffer">Where to; bytes that belong to different descriptors are never returned at once.</param>
    /// <param name="descriptors">Gets the descriptors, close-on-exec and the caller's to close; room for <see cref="MaximumDescriptors"/>.</param>
    /// <param name="count">How many.</param>
    /// <returns>Bytes; 0 when the other end is closed; negative errno.</returns>
    public unsafe int Receive(Span<byte> buffer, Span<int> descriptors, out int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(descriptors.Length, MaximumDescriptors, nameof(descriptors));
        count = 0;
        fixed (byte* bytes = buffer)
        {
            while (true)
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
                // SAFETY: the header points to locals and to pinned memory, with their lengths.
                nint received = recvmsg(this, (nint)(&message), MSG_CMSG_CLOEXEC);
                if (received < 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno == Errno.EINTR) continue;
                    return -errno;
                }

                if (message.ControlBytes >= ControlMessage.HeaderBytes && control is { Level: SOL_SOCKET, Type: SCM_RIGHTS })
                {
                    count = (int)Math.Clamp((control.Bytes - ControlMessage.HeaderBytes) / sizeof(int), 0, MaximumDescriptors);
                    for (int i = 0; i < count; i++) descriptors[i] = control.Descriptors[i];
                }

                return (int)received;
            }
        }
    }

    /// <summary>Closes a descriptor that was received and is of no use.</summary>
    public static void Close(int descriptor) => _ = close(descriptor);

    /// <summary>Ends the connection: both ends see it, and whoever waits wakes up.</summary>
    public void Shutdown() => _ = shutdown(this, SHUT_RDWR);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(DescriptorSocket socket, nint message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(DescriptorSocket socket, nint message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(DescriptorSocket socket, int command, int argument);

    [LibraryImport("libc")]
    private static partial int shutdown(DescriptorSocket socket, int how);

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

    // struct cmsghdr and its descriptors.
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlMessage
    {
        public const int HeaderBytes = 16;

        public nint Bytes;
        public int Level;
        public int Type;
        public DescriptorArray Descriptors;
    }

    [System.Runtime.CompilerServices.InlineArray(MaximumDescriptors)]
    private struct DescriptorArray
    {
        private int _first;
    }
}
