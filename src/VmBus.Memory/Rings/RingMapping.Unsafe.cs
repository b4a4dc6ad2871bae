using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Memory.Rings;

/// <summary>
/// One ring in this process's address space: the control page, then the data pages twice in a row, so that a packet that wraps is
/// contiguous and nothing else ever has to wrap.
/// </summary>
/// <remarks>
/// Every run of guest pages costs up to three kernel mappings, which is why the number of runs is bounded. The mapping is independent of
/// the object it was made from: it stays valid until it is disposed, which the owner does after the last use of the reader or writer on
/// it. Source: protocol-spec/ring.md#geometry.
/// </remarks>
public sealed class RingMapping : IDisposable
{
    /// <summary>Runs of pages that one ring may consist of; guests allocate rings as one run or a few.</summary>
    public const int MaximumRuns = 64;

    /// <summary>Pages that one ring may have, control page included: no GPADL that guests build is larger.</summary>
    public const int MaximumPages = 8192;

    private readonly MemoryMapping _mapping;
    private readonly nint _control;
    private readonly nint _data;

    private RingMapping(MemoryMapping mapping, int dataBytes)
    {
        _mapping = mapping;
        _control = mapping.Address;
        _data = mapping.Address + RingControlPage.Size;
        DataBytes = dataBytes;
    }

    /// <summary>Bytes of the data area, a multiple of 4096.</summary>
    public int DataBytes { get; }

    /// <summary>Maps the pages of one ring: first the control page, then at least one data page.</summary>
    /// <returns>False when pages are missing, not RAM, too many, too scattered, or the host has no mappings left.</returns>
    public static bool TryMap(GuestMemory memory, IReadOnlyList<PageRun> pages, out RingMapping? mapping)
    {
        mapping = null;
        if (pages.Count is 0 or > MaximumRuns) return false;
        Span<Piece> pieces = stackalloc Piece[pages.Count];
        int total = 0;
        for (int i = 0; i < pages.Count; i++)
        {
            PageRun run = pages[i];
            if (run.PageCount < 1 || run.PageCount > MaximumPages - total) return false;
            int bytes = run.PageCount * Gpa.PageBytes;
            if (!memory.TryGetFileOffset(Gpa.FromPage(run.FirstPage), (ulong)bytes, out long offset)) return false;
            pieces[i] = new Piece(offset, bytes);
            total += run.PageCount;
        }

        return TryMapPieces(memory.File, pieces, total, out mapping);
    }

    /// <summary>Maps a ring that lies in one piece in a shared file: the other end of a ring in tests and in client processes.</summary>
    /// <param name="file">The file; it must not shrink while it is mapped, since access beyond its end kills the process.</param>
    /// <param name="offset">Offset of the control page, a multiple of 4096.</param>
    /// <param name="pageCount">Pages with the control page.</param>
    /// <param name="mapping">The ring.</param>
    /// <returns>False when there are fewer than two pages or too many, the file is shorter, or the kernel refuses.</returns>
    public static bool TryMap(SafeHandle file, long offset, int pageCount, out RingMapping? mapping)
    {
        mapping = null;
        if (pageCount is < 2 or > MaximumPages) return false;
        int bytes = pageCount * RingControlPage.Size;
        long fileBytes = file switch
        {
            MemoryFile memory => memory.Bytes,
            SafeFileHandle regular => RandomAccess.GetLength(regular),
            _ => long.MaxValue,
        };
        if (offset < 0 || offset > fileBytes - bytes) return false;
        return TryMapPieces(file, [new Piece(offset, bytes)], pageCount, out mapping);
    }

    /// <summary>
    /// Sets the control page as a guest does before it opens a channel: both indices 0, signals on, nothing pending, the feature bit set.
    /// Only for the guest's end: a host never calls it.
    /// </summary>
    public void Initialize()
    {
        Store(RingControlPage.WriteIndex, 0);
        Store(RingControlPage.ReadIndex, 0);
        Store(RingControlPage.InterruptMask, 0);
        Store(RingControlPage.PendingSendSize, 0);
        Store(RingControlPage.FeatureBits, RingControlPage.PendingSendSizeSupported);
    }

    /// <summary>The control words as they are now, for logs and tests. The guest may have written anything.</summary>
    public RingControl ReadControl() => new(
        Load(RingControlPage.WriteIndex),
        Load(RingControlPage.ReadIndex),
        Load(RingControlPage.InterruptMask),
        Load(RingControlPage.PendingSendSize),
        Load(RingControlPage.FeatureBits));

    /// <summary>How full the ring is now. Any thread, also while the owner disposes this.</summary>
    /// <returns>Null when it is disposed, or the guest has made an index that cannot be.</returns>
    public RingFill? TryReadFill()
    {
        bool held = false;
        try
        {
            // The pages stay mapped for as long as this looks, whatever the owner does meanwhile.
            _mapping.DangerousAddRef(ref held);
            if (!TryLoadIndex(RingControlPage.WriteIndex, out uint write) || !TryLoadIndex(RingControlPage.ReadIndex, out uint read)) return null;
            return new RingFill((int)(write >= read ? write - read : (uint)DataBytes - (read - write)), DataBytes);
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
        finally
        {
            if (held) _mapping.DangerousRelease();
        }
    }

    /// <summary>A word of the control page, whichever end it belongs to: for those who check the other end.</summary>
    /// <param name="offset">A multiple of 4 below 4096.</param>
    public uint ReadWord(int offset)
    {
        CheckWord(offset);
        return Load(offset);
    }

    /// <summary>Writes a word of the control page, whichever end it belongs to: for those who check what the other end does then.</summary>
    /// <param name="offset">A multiple of 4 below 4096.</param>
    /// <param name="value">The word.</param>
    public void WriteWord(int offset, uint value)
    {
        CheckWord(offset);
        Store(offset, value);
    }

    /// <summary>Copies data out behind the reader's back.</summary>
    /// <param name="position">Below <see cref="DataBytes"/>.</param>
    /// <param name="destination">At most as long as the data; what is beyond the end comes from the start.</param>
    public void ReadData(int position, Span<byte> destination) => CopyOut((uint)position, destination);

    /// <summary>Writes data behind the writer's back.</summary>
    /// <param name="position">Below <see cref="DataBytes"/>.</param>
    /// <param name="source">At most as long as the data; what is beyond the end goes to the start.</param>
    public void WriteData(int position, ReadOnlySpan<byte> source)
    {
        source.CopyTo(Data((uint)position, source.Length));
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public void Dispose() => _mapping.Dispose();

    /// <summary>Reads a control word with acquire order: what the peer wrote before it is visible after this.</summary>
    internal unsafe uint Load(int offset)
    {
        // SAFETY: offset is one of the constants of RingControlPage, inside the mapped control page and 4-byte aligned.
        uint value = Volatile.Read(ref *(uint*)(_control + offset));
        GC.KeepAlive(this);
        return value;
    }

    /// <summary>Writes a control word with release order: what this end did before it is visible to the peer first.</summary>
    internal unsafe void Store(int offset, uint value)
    {
        // SAFETY: as in Load.
        Volatile.Write(ref *(uint*)(_control + offset), value);
        GC.KeepAlive(this);
    }

    /// <summary>
    /// Reads an index word of the peer and checks it: inside the data area and a multiple of 8. The length itself counts as 0.
    /// </summary>
    internal bool TryLoadIndex(int offset, out uint index)
    {
        index = Load(offset);
        if (index == (uint)DataBytes) index = 0;
        return index < (uint)DataBytes && index % PacketDescriptor.Alignment == 0;
    }

    /// <summary>Copies data out, from an index below <see cref="DataBytes"/> on and at most that many bytes.</summary>
    internal unsafe void CopyOut(uint index, Span<byte> destination)
    {
        CheckRange(index, destination.Length);
        // SAFETY: index < DataBytes and length <= DataBytes were checked, and the data area is mapped twice in a row.
        new ReadOnlySpan<byte>((void*)(_data + (nint)index), destination.Length).CopyTo(destination);
        GC.KeepAlive(this);
    }

    /// <summary>
    /// The data area from an index below <see cref="DataBytes"/> on, for writing only: the guest sees and may change the bytes at once.
    /// The caller keeps this object alive while it uses the span.
    /// </summary>
    internal unsafe Span<byte> Data(uint index, int bytes)
    {
        CheckRange(index, bytes);
        // SAFETY: as in CopyOut; the caller keeps the mapping alive.
        return new Span<byte>((void*)(_data + (nint)index), bytes);
    }

    private static bool TryMapPieces(SafeHandle file, ReadOnlySpan<Piece> pieces, int pageCount, out RingMapping? mapping)
    {
        mapping = null;
        if (pageCount < 2) return false;
        int dataBytes = (pageCount - 1) * RingControlPage.Size;
        MemoryMapping reserved;
        try
        {
            reserved = MemoryMapping.Reserve(RingControlPage.Size + (2L * dataBytes));
        }
        catch (LinuxException)
        {
            return false;
        }

        // Two passes over the same pages: the second starts behind the first, without the control page.
        long target = 0;
        for (int pass = 0; pass < 2; pass++)
        {
            int skip = pass * RingControlPage.Size;
            foreach (Piece piece in pieces)
            {
                int skipped = Math.Min(skip, piece.Bytes);
                skip -= skipped;
                if (skipped == piece.Bytes) continue;
                int bytes = piece.Bytes - skipped;
                if (reserved.MapAt(target, file, piece.FileOffset + skipped, bytes) != 0)
                {
                    reserved.Dispose();
                    return false;
                }

                target += bytes;
            }
        }

        mapping = new RingMapping(reserved, dataBytes);
        return true;
    }

    private static void CheckWord(int offset)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)offset, (uint)RingControlPage.Size, nameof(offset));
        if (offset % sizeof(uint) != 0) throw new ArgumentOutOfRangeException(nameof(offset), offset, "A word of the control page begins at a multiple of 4.");
    }

    private void CheckRange(uint index, int bytes)
    {
        // Callers have checked already; this holds the promise to the unsafe code even when one has not.
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, (uint)DataBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, DataBytes);
    }

    private readonly record struct Piece(long FileOffset, int Bytes);
}
