using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>One message of a Unix socket with descriptors beside its bytes. Any thread.</summary>
/// <remarks>Source: unix(7), cmsg(3), sendmsg(2), recvmsg(2).</remarks>
internal static partial class DescriptorMessage
{
    /// <summary>Descriptors of one message at most; the kernel closes what is more.</summary>
    public const int MaximumDescriptors = 32;

    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_NOSIGNAL = 0x4000;
    private const int MSG_DONTWAIT = 0x40;
    private const int MSG_CMSG_CLOEXEC = 0x4000_0000;
    private const int MSG_TRUNC = 0x20;

    /// <summary>Sends once.</summary>
    /// <param name="socket">A connected Unix socket.</param>
    /// <param name="data">The bytes, at least one.</param>
    /// <param name="attachments">What the other end gets copies of.</param>
    /// <param name="wait">False to give up where it would wait for room.</param>
    /// <returns>Bytes that were taken, all descriptors with the first; negative errno.</returns>
    public static unsafe int Send(SafeHandle socket, ReadOnlySpan<byte> data, ReadOnlySpan<SafeHandle> attachments, bool wait)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attachments.Length, MaximumDescriptors, nameof(attachments));
        int held = 0;
        try
        {
            ControlMessage control = default;
            foreach (SafeHandle attachment in attachments)
            {
                bool one = false;
                attachment.DangerousAddRef(ref one);
                control.Descriptors[held++] = (int)attachment.DangerousGetHandle();
            }

            fixed (byte* bytes = data)
            {
                var piece = new IoVector { Address = (nint)bytes, Bytes = data.Length };
                var message = new MessageHeader { Vectors = (nint)(&piece), VectorCount = 1 };
                if (held > 0)
                {
                    (control.Bytes, control.Level, control.Type) = (ControlMessage.HeaderBytes + (sizeof(int) * held), SOL_SOCKET, SCM_RIGHTS);
                    (message.Control, message.ControlBytes) = ((nint)(&control), control.Bytes);
                }

                while (true)
                {
                    // SAFETY: the header points to locals and to pinned memory, with their lengths.
                    nint done = sendmsg(socket, (nint)(&message), wait ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT);
                    if (done >= 0) return (int)done;
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno != Errno.EINTR) return -errno;
                }
            }
        }
        finally
        {
            for (int i = 0; i < held; i++) attachments[i].DangerousRelease();
        }
    }

    /// <summary>Waits for bytes and takes what is there, with the descriptors that came beside them.</summary>
    /// <param name="socket">A connected Unix socket.</param>
    /// <param name="buffer">Where to; bytes that belong to different descriptors are never returned at once.</param>
    /// <param name="descriptors">Gets the descriptors, close-on-exec and the caller's to close; room for <see cref="MaximumDescriptors"/>.</param>
    /// <param name="count">How many.</param>
    /// <param name="isCut">Whether a packet was longer than the buffer.</param>
    /// <returns>Bytes; 0 when the other end is closed; negative errno.</returns>
    public static unsafe int Receive(SafeHandle socket, Span<byte> buffer, Span<int> descriptors, out int count, out bool isCut)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(descriptors.Length, MaximumDescriptors, nameof(descriptors));
        (count, isCut) = (0, false);
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                var piece = new IoVector { Address = (nint)bytes, Bytes = buffer.Length };
                ControlMessage control = default;
                // No room but that of whole descriptors: the kernel fills what there is, and nobody would close what lies in a padding.
                var message = new MessageHeader { Vectors = (nint)(&piece), VectorCount = 1, Control = (nint)(&control), ControlBytes = sizeof(ControlMessage) };
                // SAFETY: the header points to locals and to pinned memory, with their lengths.
                nint received = recvmsg(socket, (nint)(&message), MSG_CMSG_CLOEXEC);
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

                isCut = (message.Flags & MSG_TRUNC) != 0;
                return (int)received;
            }
        }
    }

    /// <summary>Closes a descriptor that was received and is of no use.</summary>
    public static void Close(int descriptor) => _ = close(descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(SafeHandle socket, nint message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(SafeHandle socket, nint message, int flags);

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
