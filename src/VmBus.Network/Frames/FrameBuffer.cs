using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;

namespace VmBus.Network.Frames;

/// <summary>A frame on its way between a guest and a link: its <see cref="VirtioNetHeader"/> in host memory, then pieces of guest RAM.</summary>
/// <remarks>
/// Made once and used again; one lane at a time. <see cref="Clear"/> begins a frame with its header, <see cref="TryAdd"/> appends pieces.
/// </remarks>
public sealed class FrameBuffer : IDisposable
{
    /// <summary>Bytes of a frame that can lie in host memory, behind the header: Ethernet, IPv6 and TCP headers at their longest, and a VLAN tag.</summary>
    public const int MaximumHostBytes = 256;

    private readonly BounceBuffer _header = new(VirtioNetHeader.Bytes + MaximumHostBytes);

    /// <summary>An empty buffer.</summary>
    /// <param name="tag">What the owner finds it by.</param>
    /// <param name="pieces">Pieces of guest RAM at most.</param>
    public FrameBuffer(int tag, int pieces)
    {
        Tag = tag;
        // The header, the pieces, and what a link adds to see whether a frame was longer than they are.
        Data = new IoVectorList(Math.Min(pieces + 2, 8), pieces + 2);
        Clear();
    }

    /// <summary>What the owner finds it by.</summary>
    public int Tag { get; }

    /// <summary>The header and the pieces, as the kernel takes them.</summary>
    public IoVectorList Data { get; }

    /// <summary>The header: written by the sender, or by the link when it receives.</summary>
    public VirtioNetHeader Header
    {
        get => VirtioNetHeader.Read(_header.Data);
        set => value.Write(_header.Data);
    }

    /// <summary>Copies bytes of the frame itself, behind the header, to host memory.</summary>
    /// <returns>Bytes copied: as many as there are, at most what fits.</returns>
    public int CopyTo(Span<byte> destination) => Data.CopyTo(destination, VirtioNetHeader.Bytes);

    /// <summary>Copies host bytes to the frame, behind the header.</summary>
    /// <returns>Bytes copied: less than all when they do not fit.</returns>
    public int CopyFrom(ReadOnlySpan<byte> source) => Data.CopyFrom(source, VirtioNetHeader.Bytes);

    /// <summary>Forgets the pieces.</summary>
    public void Clear() => _ = Begin(0);

    /// <summary>Forgets the pieces, and begins the frame with bytes in host memory: headers that are not the guest's to change any more.</summary>
    /// <param name="hostBytes">At most <see cref="MaximumHostBytes"/>.</param>
    /// <returns>Those bytes, to be written by the caller.</returns>
    public Span<byte> Begin(int hostBytes)
    {
        Data.Clear();
        if (!Data.TryAdd(_header, VirtioNetHeader.Bytes + hostBytes)) throw new InvalidOperationException("A list has room for its first entry.");
        return _header.Data.Slice(VirtioNetHeader.Bytes, hostBytes);
    }

    /// <summary>Appends a piece of guest RAM.</summary>
    /// <returns>False when a byte is not RAM or there are too many pieces.</returns>
    public bool TryAdd(GuestMemory memory, Gpa start, int bytes) => Data.TryAdd(memory, start, bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        Data.Dispose();
        _header.Dispose();
    }
}
