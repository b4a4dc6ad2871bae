using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmBus.Control.Server;

/// <summary>Who is at the other end of a Unix socket, as the kernel knew it when the connection was made. Source: unix(7), SO_PEERCRED.</summary>
/// <param name="Process">Its process.</param>
/// <param name="User">Its effective user.</param>
/// <param name="Groups">Its effective group, and those that it has besides.</param>
public sealed record PeerCredentials(int Process, uint User, IReadOnlySet<uint> Groups)
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;
    private const int SO_PEERGROUPS = 59;
    private const int Bytes = 12;

    // NGROUPS_MAX.
    private const int MaximumGroups = 65536;

    /// <summary>Asks the kernel.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="allGroups">Whether the groups matter that the peer has besides.</param>
    /// <exception cref="SocketException">The socket has no peer.</exception>
    public static PeerCredentials Read(Socket socket, bool allGroups)
    {
        Span<byte> peer = stackalloc byte[Bytes];
        socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, peer);
        HashSet<uint> groups = [BinaryPrimitives.ReadUInt32LittleEndian(peer[8..])];
        if (allGroups)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(MaximumGroups * sizeof(uint));
            int bytes = socket.GetRawSocketOption(SOL_SOCKET, SO_PEERGROUPS, buffer);
            groups.UnionWith(MemoryMarshal.Cast<byte, uint>(buffer.AsSpan(0, bytes)).ToArray());
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new PeerCredentials(BinaryPrimitives.ReadInt32LittleEndian(peer), BinaryPrimitives.ReadUInt32LittleEndian(peer[4..]), groups);
    }

    /// <summary>Whether this is root, the owner, or a member of the group.</summary>
    public bool MayUse(uint owner, uint? group) => User == 0 || User == owner || (group is { } id && Groups.Contains(id));
}
