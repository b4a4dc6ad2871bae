using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>Asks about network interfaces and changes them, or waits for changes, in the network namespace of the thread that opened it.</summary>
/// <remarks>One thread at a time. Close-on-exec. Source: rtnetlink(7), netlink(7).</remarks>
public sealed partial class RouteSocket : SafeHandleMinusOneIsInvalid
{
    private const int AF_NETLINK = 16;
    private const int SOCK_RAW_CLOEXEC = 3 | 0x80000;
    private const int SOCK_NONBLOCK = 0x800;
    private const int MSG_TRUNC = 0x20;
    private const int MessageBytes = 16;
    private const int InterfaceBytes = 16;

    // An interface's description is some 2 KiB; more than this comes only with many virtual functions.
    private readonly byte[] _buffer = new byte[64 * 1024];
    private uint _sequence;

    private RouteSocket(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The file descriptor, for waiting. Valid while this handle is open.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Opens a socket for questions and changes.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static RouteSocket Open() => Open(SOCK_RAW_CLOEXEC, 0);

    /// <summary>Opens a socket that is readable whenever an interface appeared, changed or went.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static RouteSocket OpenForChanges() => Open(SOCK_RAW_CLOEXEC | SOCK_NONBLOCK, RouteConstant.RTMGRP_LINK);

    /// <summary>Forgets the changes reported so far. For sockets of <see cref="OpenForChanges"/>.</summary>
    public void Drain()
    {
        // Lost reports (ENOBUFS) are reports too: whoever is told looks at the whole state.
        while (recv(this, _buffer, _buffer.Length, 0) >= 0 || Marshal.GetLastPInvokeError() is Errno.EINTR or Errno.ENOBUFS)
        {
        }
    }

    /// <summary>Describes the interface of a name.</summary>
    /// <returns>Null when there is none.</returns>
    public NetworkInterface? Find(string name)
    {
        Span<byte> request = stackalloc byte[128];
        int bytes = Begin(request, RouteConstant.RTM_GETLINK, 0, 0, 0);
        if (Encoding.UTF8.GetByteCount(name) >= TunConstant.IFNAMSIZ) return null;
        Span<byte> text = stackalloc byte[TunConstant.IFNAMSIZ];
        text.Clear();
        Add(request, ref bytes, RouteConstant.IFLA_IFNAME, text[..(Encoding.UTF8.GetBytes(name, text) + 1)]);
        return Exchange(request, bytes, out int reply) == 0 ? Parse(_buffer.AsSpan(0, reply)) : null;
    }

    /// <summary>Brings an interface up.</summary>
    /// <returns>0, or negative errno.</returns>
    public int BringUp(int index)
    {
        Span<byte> request = stackalloc byte[64];
        return Exchange(request, Begin(request, RouteConstant.RTM_SETLINK, index, RouteConstant.IFF_UP, RouteConstant.IFF_UP), out _);
    }

    /// <summary>Sets an interface's MTU.</summary>
    /// <returns>0, or negative errno.</returns>
    public int SetMtu(int index, int mtu) => SetNumber(index, RouteConstant.IFLA_MTU, mtu);

    /// <summary>Makes an interface a port of a bridge; 0 for none.</summary>
    /// <returns>0, or negative errno: EOPNOTSUPP when the master takes no ports this way.</returns>
    public int SetMaster(int index, int master) => SetNumber(index, RouteConstant.IFLA_MASTER, master);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    private static RouteSocket Open(int type, uint groups)
    {
        int descriptor = socket(AF_NETLINK, type, RouteConstant.NETLINK_ROUTE);
        if (descriptor < 0) throw new LinuxException("Opening a route socket failed", Marshal.GetLastPInvokeError());
        var opened = new RouteSocket(descriptor);
        // struct sockaddr_nl: family, padding, port 0 (the kernel chooses), groups.
        Span<byte> address = stackalloc byte[12];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_NETLINK);
        BinaryPrimitives.WriteUInt32LittleEndian(address[8..], groups);
        if (bind(opened, address, address.Length) >= 0) return opened;
        int errno = Marshal.GetLastPInvokeError();
        opened.Dispose();
        throw new LinuxException("Binding a route socket failed", errno);
    }

    private static NetworkInterface? Parse(ReadOnlySpan<byte> message)
    {
        if (message.Length < MessageBytes + InterfaceBytes) return null;
        ReadOnlySpan<byte> description = message[MessageBytes..];
        int index = BinaryPrimitives.ReadInt32LittleEndian(description[4..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(description[8..]);
        string name = string.Empty, kind = string.Empty;
        int mtu = 0, master = 0, queue = 0;
        ReadOnlySpan<byte> rest = description[InterfaceBytes..];
        while (TryTake(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case RouteConstant.IFLA_IFNAME:
                    name = Text(value);
                    break;
                case RouteConstant.IFLA_MTU when value.Length >= 4:
                    mtu = BinaryPrimitives.ReadInt32LittleEndian(value);
                    break;
                case RouteConstant.IFLA_MASTER when value.Length >= 4:
                    master = BinaryPrimitives.ReadInt32LittleEndian(value);
                    break;
                case RouteConstant.IFLA_TXQLEN when value.Length >= 4:
                    queue = BinaryPrimitives.ReadInt32LittleEndian(value);
                    break;
                case RouteConstant.IFLA_LINKINFO:
                    while (TryTake(ref value, out ushort part, out ReadOnlySpan<byte> content))
                    {
                        if (part == RouteConstant.IFLA_INFO_KIND) kind = Text(content);
                    }

                    break;
            }
        }

        return new NetworkInterface(index, name, (flags & RouteConstant.IFF_UP) != 0, mtu, master, queue, kind);
    }

    private static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value.TrimEnd((byte)0));

    // struct rtattr: length with these 4 bytes, type; values are padded to 4 bytes.
    private static bool TryTake(ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        const ushort TypeMask = 0x3fff;
        type = 0;
        value = default;
        if (rest.Length < 4) return false;
        int bytes = BinaryPrimitives.ReadUInt16LittleEndian(rest);
        if (bytes < 4 || bytes > rest.Length) return false;
        type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) & TypeMask);
        value = rest[4..bytes];
        rest = rest[Math.Min(rest.Length, (bytes + 3) & ~3)..];
        return true;
    }

    private static void Add(Span<byte> request, ref int bytes, ushort type, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(request[bytes..], (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(request[(bytes + 2)..], type);
        value.CopyTo(request[(bytes + 4)..]);
        bytes += (4 + value.Length + 3) & ~3;
    }

    // struct nlmsghdr and struct ifinfomsg.
    private int Begin(Span<byte> request, ushort type, int index, uint flags, uint change)
    {
        request.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(request[4..], type);
        bool answers = type == RouteConstant.RTM_GETLINK;
        BinaryPrimitives.WriteUInt16LittleEndian(request[6..], (ushort)(RouteConstant.NLM_F_REQUEST | (answers ? 0 : RouteConstant.NLM_F_ACK)));
        BinaryPrimitives.WriteUInt32LittleEndian(request[8..], ++_sequence);
        BinaryPrimitives.WriteInt32LittleEndian(request[(MessageBytes + 4)..], index);
        BinaryPrimitives.WriteUInt32LittleEndian(request[(MessageBytes + 8)..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(request[(MessageBytes + 12)..], change);
        return MessageBytes + InterfaceBytes;
    }

    private int SetNumber(int index, ushort type, int number)
    {
        Span<byte> request = stackalloc byte[64];
        int bytes = Begin(request, RouteConstant.RTM_SETLINK, index, 0, 0);
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(value, number);
        Add(request, ref bytes, type, value);
        return Exchange(request, bytes, out _);
    }

    // Sends a request and takes its answer: 0, or negative errno.
    private int Exchange(Span<byte> request, int bytes, out int reply)
    {
        reply = 0;
        BinaryPrimitives.WriteInt32LittleEndian(request, bytes);
        while (send(this, request, bytes, 0) < 0)
        {
            if (Marshal.GetLastPInvokeError() is var errno and not Errno.EINTR) return -errno;
        }

        while (true)
        {
            nint taken = recv(this, _buffer, _buffer.Length, MSG_TRUNC);
            if (taken < 0)
            {
                if (Marshal.GetLastPInvokeError() is var errno and not Errno.EINTR) return -errno;
                continue;
            }

            if (taken < MessageBytes + 4 || taken > _buffer.Length) return -Errno.EIO;
            if (BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(8)) != _sequence) continue;
            reply = Math.Min((int)taken, BinaryPrimitives.ReadInt32LittleEndian(_buffer));
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(4));
            return type == RouteConstant.NLMSG_ERROR ? BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(MessageBytes)) : 0;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(RouteSocket socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(RouteSocket socket, Span<byte> message, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(RouteSocket socket, Span<byte> buffer, nint bytes, int flags);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
