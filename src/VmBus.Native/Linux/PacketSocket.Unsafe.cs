using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>One end of a connected Unix socket that keeps the bounds of packets; a packet may carry one descriptor. Close-on-exec.</summary>
/// <remarks>One thread may send while another receives. Source: unix(7).</remarks>
public sealed partial class PacketSocket : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int AF_UNIX = 1;
    private const int SOCK_SEQPACKET_CLOEXEC = 5 | 0x80000;
    private const int SHUT_RDWR = 2;

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
    public int Send(ReadOnlySpan<byte> packet, SafeHandle? attachment = null)
    {
        ReadOnlySpan<SafeHandle> attachments = attachment is null ? [] : new(ref attachment);
        return Math.Min(DescriptorMessage.Send(this, packet, attachments, wait: true), 0);
    }

    /// <summary>Receives one packet, if one comes in time.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="timeoutMs">How long to wait at most; -1 for ever.</param>
    /// <param name="descriptor">The descriptor that came with it, close-on-exec and the caller's to close; -1 for none.</param>
    /// <returns>Bytes of the packet; 0 when the other end is closed; negative errno: EAGAIN when none came, ENOBUFS when it was longer than the buffer.</returns>
    public int Receive(Span<byte> buffer, int timeoutMs, out int descriptor)
    {
        descriptor = -1;
        var entry = new PollEntry { Descriptor = (int)handle, Events = Poll.POLLIN };
        int ready = Poll.Wait(ref entry, timeoutMs);
        if (ready <= 0) return ready == 0 ? -Errno.EAGAIN : ready;
        Span<int> received = stackalloc int[DescriptorMessage.MaximumDescriptors];
        int bytes = DescriptorMessage.Receive(this, buffer, received, out int count, out bool isCut);
        int kept = isCut ? 0 : Math.Min(count, 1);
        foreach (int other in received[kept..count]) DescriptorMessage.Close(other);
        if (kept > 0) descriptor = received[0];
        return isCut ? -Errno.ENOBUFS : bytes;
    }

    /// <summary>Ends the connection: both ends see it, and whoever waits wakes up.</summary>
    public void Shutdown() => _ = shutdown(this, SHUT_RDWR);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int family, int type, int protocol, nint ends);

    [LibraryImport("libc")]
    private static partial int shutdown(PacketSocket socket, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
