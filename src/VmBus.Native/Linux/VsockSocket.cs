using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Sockets between a guest and its host, on the guest's side. All are close-on-exec; those of a listener are non-blocking. Any thread. Source: vsock(7), accept4(2).</summary>
public static partial class VsockSocket
{
    /// <summary>The host, as a guest knows it.</summary>
    public const uint HostId = 2;

    private const int AF_VSOCK = 40;
    private const int SOCK_STREAM_CLOEXEC_NONBLOCK = 1 | 0x80000 | 0x800;
    private const int SOCK_STREAM_CLOEXEC = 1 | 0x80000;
    private const int SOCK_CLOEXEC_NONBLOCK = 0x80000 | 0x800;
    private const uint VMADDR_CID_ANY = uint.MaxValue;
    private const int Backlog = 128;

    // struct sockaddr_vm: family, reserved, port, context id, 4 bytes more.
    private const int AddressBytes = 16;
    private const int PortOffset = 4;
    private const int IdOffset = 8;

    /// <summary>Listens on a port; below 1024 that needs CAP_NET_BIND_SERVICE.</summary>
    /// <param name="port">Which.</param>
    /// <param name="errno">Why not; EAFNOSUPPORT where the kernel has no such sockets.</param>
    /// <returns>Null when the kernel refuses.</returns>
    public static LinuxFile? TryListen(uint port, out int errno)
    {
        Span<byte> address = stackalloc byte[AddressBytes];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_VSOCK);
        BinaryPrimitives.WriteUInt32LittleEndian(address[PortOffset..], port);
        BinaryPrimitives.WriteUInt32LittleEndian(address[IdOffset..], VMADDR_CID_ANY);
        int descriptor = socket(AF_VSOCK, SOCK_STREAM_CLOEXEC_NONBLOCK, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var listener = new LinuxFile(descriptor);
        if (bind(listener, address, AddressBytes) >= 0 && listen(listener, Backlog) >= 0) return listener;
        errno = Marshal.GetLastPInvokeError();
        listener.Dispose();
        return null;
    }

    /// <summary>Connects, and waits until the connection is taken.</summary>
    /// <param name="id">To whom.</param>
    /// <param name="port">Which listener.</param>
    /// <param name="errno">Why not; ETIMEDOUT is also what Linux makes of a host's refusal.</param>
    /// <returns>A blocking stream; null when nobody takes it.</returns>
    public static LinuxFile? TryConnect(uint id, uint port, out int errno)
    {
        Span<byte> address = stackalloc byte[AddressBytes];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_VSOCK);
        BinaryPrimitives.WriteUInt32LittleEndian(address[PortOffset..], port);
        BinaryPrimitives.WriteUInt32LittleEndian(address[IdOffset..], id);
        do
        {
            int descriptor = socket(AF_VSOCK, SOCK_STREAM_CLOEXEC, 0);
            errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (descriptor < 0) return null;
            var stream = new LinuxFile(descriptor);
            if (connect(stream, address, AddressBytes) == 0) return stream;
            errno = Marshal.GetLastPInvokeError();
            stream.Dispose();
        }
        // A signal ends the attempt, and what the socket has sent with it.
        while (errno == Errno.EINTR);
        return null;
    }

    /// <summary>Takes a connection that waits.</summary>
    /// <param name="listener">Where.</param>
    /// <param name="peerId">The context id of whoever has connected, as the kernel says.</param>
    /// <param name="errno">Why not.</param>
    /// <returns>Null when none waits (EAGAIN) or there is no descriptor for it.</returns>
    public static LinuxFile? TryAccept(LinuxFile listener, out uint peerId, out int errno)
    {
        Span<byte> address = stackalloc byte[AddressBytes];
        int descriptor;
        do
        {
            address.Clear();
            int bytes = AddressBytes;
            descriptor = accept4(listener, address, ref bytes, SOCK_CLOEXEC_NONBLOCK);
            errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (errno is Errno.EINTR or Errno.ECONNABORTED);
        peerId = BinaryPrimitives.ReadUInt32LittleEndian(address[IdOffset..]);
        return descriptor < 0 ? null : new LinuxFile(descriptor);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(LinuxFile socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(LinuxFile socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(LinuxFile socket, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(LinuxFile socket, Span<byte> address, ref int bytes, int flags);
}
