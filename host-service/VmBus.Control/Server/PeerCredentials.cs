using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmBus.Control.Server;

/// <summary>Who is at the other end of a Unix socket, as the kernel knew it when the connection was made. Source: unix(7), SO_PEERCRED.</summary>
/// <param name="Process">Its process.</param>
/// <param name="User">Its effective user.</param>
/// <param name="Groups">Its effective group, and those that it has besides.</param>
internal sealed record PeerCredentials(int Process, uint User, IReadOnlySet<uint> Groups)
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;
    private const int SO_PEERGROUPS = 59;
    private const int Bytes = 12;

    // NGROUPS_MAX.
    private const int MaximumGroups = 65536;

    /// <summary>Asks the kernel.</summary>
    /// <exception cref="SocketException">The socket has no peer.</exception>
    public static PeerCredentials Read(Socket socket)
    {
        Span<byte> peer = stackalloc byte[Bytes];
        socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, peer);
        byte[] groups = new byte[MaximumGroups * sizeof(uint)];
        int bytes = socket.GetRawSocketOption(SOL_SOCKET, SO_PEERGROUPS, groups);
        HashSet<uint> all = [.. MemoryMarshal.Cast<byte, uint>(groups.AsSpan(0, bytes))];
        all.Add(BinaryPrimitives.ReadUInt32LittleEndian(peer[8..]));
        return new PeerCredentials(BinaryPrimitives.ReadInt32LittleEndian(peer), BinaryPrimitives.ReadUInt32LittleEndian(peer[4..]), all);
    }

    /// <summary>Whether this is root, the owner, or a member of the group.</summary>
    public bool MayUse(uint owner, uint? group) => User == 0 || User == owner || (group is { } id && Groups.Contains(id));
}
