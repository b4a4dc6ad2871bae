using VmBus.Protocol.Virtio;

namespace VmBus.Host;

/// <summary>Sockets between programs of the host and of the guest.</summary>
/// <param name="Path">The Unix socket where they meet (protocol-spec/sockets.md#host).</param>
public sealed record SocketOptions(string Path)
{
    /// <summary>A virtio socket device; else Hyper-V sockets on the bus. A Linux guest has one of them at a time.</summary>
    public bool IsVirtio { get; init; }

    /// <summary>The context id of the guest, for virtio, <see cref="VsockHeader.LeastGuestCid"/> to <see cref="VsockHeader.GreatestGuestCid"/>.</summary>
    public ulong Cid { get; init; } = VsockHeader.LeastGuestCid;
}
