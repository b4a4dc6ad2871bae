using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>Unfinished frames that the readers of a TAP take. Values are the kernel's TUN_F.</summary>
[Flags]
public enum TapOffloads : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Without checksum; everything else needs it.</summary>
    Checksum = TunConstant.TUN_F_CSUM,

    /// <summary>Unsegmented TCP over IPv4.</summary>
    Tcp4 = TunConstant.TUN_F_TSO4,

    /// <summary>Unsegmented TCP over IPv6.</summary>
    Tcp6 = TunConstant.TUN_F_TSO6,

    /// <summary>Unsegmented TCP with the congestion mark; needs one of the TCP ones.</summary>
    CongestionMark = TunConstant.TUN_F_TSO_ECN,

    /// <summary>Unsegmented UDP over both (Linux 6.2).</summary>
    Udp = TunConstant.TunUdp4 | TunConstant.TunUdp6,
}

/// <summary>One queue of a TAP interface with virtio headers of 12 bytes in front of its frames. Close-on-exec and non-blocking.</summary>
/// <remarks>
/// The interface exists as long as one of its queues is open, attached or not, unless somebody made it persistent. Any thread.
/// Source: Documentation/networking/tuntap.rst, linux/if_tun.h.
/// </remarks>
public sealed partial class TapDevice : SafeHandleMinusOneIsInvalid
{
    private const int O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
    private const int HeaderBytes = 12;

    private TapDevice(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Opens the next queue of a TAP, which is created where it does not exist. The queue is attached.</summary>
    /// <param name="name">Name of the interface; with <c>%d</c> the kernel chooses a number that is free.</param>
    /// <param name="multipleQueues">As the interface was made.</param>
    /// <param name="errno">
    /// 0, or why not: ENOENT without /dev/net/tun; EPERM without the right; EINVAL when the interface is no TAP or was made otherwise; EBUSY when its
    /// only queue is open, or somebody uses it without virtio headers; E2BIG when all queues are open.
    /// </param>
    public static TapDevice? TryOpen(string name, bool multipleQueues, out int errno)
    {
        int descriptor = open("/dev/net/tun", O_RDWR_NONBLOCK_CLOEXEC);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var device = new TapDevice(descriptor);
        int flags = TunConstant.IFF_TAP | TunConstant.IFF_NO_PI | TunConstant.IFF_VNET_HDR | (multipleQueues ? TunConstant.IFF_MULTI_QUEUE : 0);
        errno = -device.Request(TunConstant.TUNSETIFF, name, (ushort)flags);
        // While anybody else has a queue of it open the kernel leaves the interface as that one wanted it, and does not say so.
        if (errno == 0 && (device.Flags & TunConstant.IFF_VNET_HDR) == 0) errno = Errno.EBUSY;
        if (errno == 0) errno = -device.Set(TunConstant.TUNSETVNETHDRSZ, HeaderBytes);
        if (errno == 0) errno = -device.Set(TunConstant.TUNSETVNETLE, 1);
        if (errno == 0) return device;
        device.Dispose();
        return null;
    }

    /// <summary>Takes over a queue of a TAP that <see cref="TryOpen"/> has opened, in whichever process.</summary>
    public static TapDevice Take(LinuxFile file) => new(file.Release());

    /// <summary>Gives the descriptor up to whoever takes its number: this object is closed, the queue is not.</summary>
    public int Release()
    {
        int descriptor = (int)handle;
        SetHandleAsInvalid();
        return descriptor;
    }

    /// <summary>Whether the interface was made for several queues.</summary>
    public bool HasMultipleQueues => (Flags & TunConstant.IFF_MULTI_QUEUE) != 0;

    private ushort Flags
    {
        get
        {
            Span<byte> request = stackalloc byte[TunConstant.InterfaceRequestBytes];
            return ioctl(this, TunConstant.TUNGETIFF, request) < 0
                ? (ushort)0
                : BinaryPrimitives.ReadUInt16LittleEndian(request[TunConstant.IFNAMSIZ..]);
        }
    }

    /// <summary>Tells the interface's name, which may have been changed.</summary>
    /// <returns>False when the interface is gone.</returns>
    public bool TryGetName(out string name)
    {
        name = string.Empty;
        Span<byte> request = stackalloc byte[TunConstant.InterfaceRequestBytes];
        if (ioctl(this, TunConstant.TUNGETIFF, request) < 0) return false;
        ReadOnlySpan<byte> text = request[..TunConstant.IFNAMSIZ];
        int end = text.IndexOf((byte)0);
        name = Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
        return true;
    }

    /// <summary>Says for all queues which unfinished frames are taken.</summary>
    /// <returns>0, or negative errno: EINVAL for what the kernel does not know.</returns>
    public int SetOffloads(TapOffloads offloads) =>
        ioctl(this, TunConstant.TUNSETOFFLOAD, (nint)(uint)offloads) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Lets the queue take part again after <see cref="Detach"/>.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Attach() => Request(TunConstant.TUNSETQUEUE, string.Empty, TunConstant.IFF_ATTACH_QUEUE);

    /// <summary>No frame comes to this queue any more, and those in it are forgotten; the interface stays. For multi-queue interfaces.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Detach() => Request(TunConstant.TUNSETQUEUE, string.Empty, TunConstant.IFF_DETACH_QUEUE);

    /// <summary>
    /// Has the kernel run a filter over every frame before it is put into a queue, in place of the last one. It is for the queues that are attached
    /// now: those that are opened later pass everything until this is called again.
    /// </summary>
    /// <returns>0, or negative errno.</returns>
    public unsafe int SetFilter(ReadOnlySpan<BpfInstruction> program)
    {
        fixed (BpfInstruction* first = program)
        {
            var description = new SocketFilter { Count = (ushort)program.Length, Instructions = (nint)first };
            // SAFETY: the kernel copies the description, a local, and Count instructions of pinned memory.
            return ioctl(this, TunConstant.TUNATTACHFILTER, (nint)(&description)) < 0 ? -Marshal.GetLastPInvokeError() : 0;
        }
    }

    /// <summary>Lets all frames pass again, as in the beginning.</summary>
    public void RemoveFilter() => _ = ioctl(this, TunConstant.TUNDETACHFILTER, 0);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    // struct ifreq: the name in 16 bytes, then a union that begins with the flags.
    private int Request(uint request, string name, ushort flags)
    {
        Span<byte> argument = stackalloc byte[TunConstant.InterfaceRequestBytes];
        argument.Clear();
        if (Encoding.UTF8.GetByteCount(name) >= TunConstant.IFNAMSIZ) return -Errno.EINVAL;
        Encoding.UTF8.GetBytes(name, argument);
        BinaryPrimitives.WriteUInt16LittleEndian(argument[TunConstant.IFNAMSIZ..], flags);
        return ioctl(this, request, argument) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    private int Set(uint request, int value)
    {
        Span<byte> argument = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(argument, value);
        return ioctl(this, request, argument) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(TapDevice device, nuint request, Span<byte> argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(TapDevice device, nuint request, nint argument);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    // struct sock_fprog.
    [StructLayout(LayoutKind.Sequential)]
    private struct SocketFilter
    {
        public ushort Count;
        public nint Instructions;
    }
}
