using System.Buffers.Binary;
using VmBus.Network.Frames;

namespace VmBus.Virtio.Network;

/// <summary>The VLANs that a driver wants frames of: all, until it names one. Any thread; lanes read it while the control queue's changes it.</summary>
/// <remarks>A monitor that answers the control queue itself, as QEMU does for vhost-user, names none here.</remarks>
internal sealed class VlanFilter
{
    /// <summary>Identifiers are less than this.</summary>
    public const int Count = 4096;

    private const int TagAt = 12;
    private const ushort TagProtocol = 0x8100;

    private readonly ulong[] _wanted = new ulong[Count / 64];
    private volatile bool _hasSpoken;

    /// <summary>Begins or ends to want a VLAN.</summary>
    public void Set(int id, bool wanted)
    {
        ulong bit = 1UL << (id & 63);
        if (wanted) Interlocked.Or(ref _wanted[id >> 6], bit);
        else Interlocked.And(ref _wanted[id >> 6], ~bit);
        _hasSpoken = true;
    }

    /// <summary>Forgets what was said.</summary>
    public void Clear()
    {
        _hasSpoken = false;
        Array.Clear(_wanted);
    }

    /// <summary>Whether a frame is wanted. One without a tag, or whose tag has only a priority, is of no VLAN.</summary>
    public bool Accepts(FrameBuffer frame)
    {
        if (!_hasSpoken) return true;
        Span<byte> start = stackalloc byte[TagAt + 4];
        if (frame.CopyTo(start) < start.Length || BinaryPrimitives.ReadUInt16BigEndian(start[TagAt..]) != TagProtocol) return true;
        int id = BinaryPrimitives.ReadUInt16BigEndian(start[(TagAt + 2)..]) & (Count - 1);
        return id == 0 || (Volatile.Read(ref _wanted[id >> 6]) >> (id & 63) & 1) != 0;
    }
}
