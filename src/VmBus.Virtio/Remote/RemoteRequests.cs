using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>The places of a ring's requests, in memory that the back-end has too. Guarded by the ring's lock.</summary>
/// <remarks>
/// A place: [0) header 16 · [16) range 16 · [32) status 1 · [64) table of descriptors. Data is named where it lies when that is guest RAM; what lies
/// elsewhere in this process, or in too many pieces for a table, goes through one of a few buffers behind the places.
/// </remarks>
internal sealed class RemoteRequests
{
    private const int RangeAt = 16;
    private const int StatusAt = 32;
    private const int TableAt = 64;
    private const int PlaceBytes = TableAt + (RemoteRing.Size * QueueLayout.DescriptorBytes);
    private const int BounceBytes = 128 << 10;
    private const int Bounces = 4;
    private const long MaximumStepBytes = 1 << 30;
    private const byte NoStatus = 0xFF;

    private readonly QueueArea _area;
    private readonly nint _address;
    private readonly nint _ram;
    private readonly ulong _ramBytes;
    private readonly RemoteDiskLimits _limits;
    private readonly int[] _counts = new int[RemoteRing.Slots];
    private readonly Stack<int> _free = new(Enumerable.Range(0, Bounces));

    /// <summary>Places in a part of shared memory.</summary>
    /// <param name="area">The part, <see cref="BytesFor"/> long.</param>
    /// <param name="address">Where it is in this process, which is how the back-end knows it.</param>
    /// <param name="ram">Where guest RAM is in this process, which the back-end has too.</param>
    /// <param name="ramBytes">Its length.</param>
    /// <param name="limits">What a request may be.</param>
    public RemoteRequests(QueueArea area, nint address, nint ram, ulong ramBytes, RemoteDiskLimits limits)
    {
        _area = area;
        _address = address;
        _ram = ram;
        _ramBytes = ramBytes;
        _limits = limits;
    }

    /// <summary>Most data segments that a table has room for, beside header and status.</summary>
    public static int MaximumSegments => RemoteRing.Size - 2;

    /// <summary>Bytes of so many places, with the buffers.</summary>
    public static int BytesFor(int places) => (places * PlaceBytes) + (Bounces * BounceBytes);

    /// <summary>The table of a request.</summary>
    public (nint Address, int Bytes) TableOf(int slot) => (_address + (slot * PlaceBytes) + TableAt, _counts[slot] * QueueLayout.DescriptorBytes);

    /// <summary>Writes the next request of an operation, and says in it how far that goes.</summary>
    /// <returns>False when it needs a buffer and all are in use.</returns>
    public bool TryWrite(int slot, RemoteTransfer transfer)
    {
        int at = slot * PlaceBytes;
        bool hasData = transfer.Type is BlockRequestType.Read or BlockRequestType.Write;
        if (hasData && !TryPlan(transfer)) return false;
        _area.WriteUInt32(at, (uint)transfer.Type);
        _area.WriteUInt32(at + 4, 0);
        _area.WriteUInt64(at + 8, transfer.Type == BlockRequestType.Flush ? 0 : (ulong)transfer.Offset / BlockConfig.SectorBytes);
        _area.WriteByte(at + StatusAt, NoStatus);
        _counts[slot] = 0;
        Add(slot, _address + at, BlockRequestHeader.Size, DescriptorFlags.Next);
        if (hasData) AddData(slot, transfer);
        else if (transfer.Type != BlockRequestType.Flush) AddRange(slot, transfer);
        Add(slot, _address + at + StatusAt, 1, DescriptorFlags.Write);
        return true;
    }

    /// <summary>What a request has come to, its data delivered.</summary>
    /// <returns>0 or negative errno.</returns>
    public int ResultOf(int slot, RemoteTransfer transfer)
    {
        byte status = _area.ReadByte((slot * PlaceBytes) + StatusAt);
        if (status == (byte)BlockStatus.Unsupported) return -Errno.EOPNOTSUPP;
        if (status != (byte)BlockStatus.Ok) return -Errno.EIO;
        if (transfer.Type == BlockRequestType.Read && transfer.Bounce >= 0) transfer.Data!.CopyFrom(_area.Span(BounceAt(transfer.Bounce), (int)transfer.Step));
        return 0;
    }

    /// <summary>Takes back the buffer of a request that has ended.</summary>
    public void Release(RemoteTransfer transfer)
    {
        if (transfer.Bounce >= 0) _free.Push(transfer.Bounce);
        transfer.Bounce = -1;
    }

    private static int BounceAt(int bounce) => (RemoteRing.Slots * PlaceBytes) + (bounce * BounceBytes);

    // Whole blocks, as far as pieces in guest RAM fit into a table; else what fits into a buffer.
    private bool TryPlan(RemoteTransfer transfer)
    {
        long step = transfer.WritesZeroes ? 0 : DirectBytes(transfer);
        step -= step % _limits.BlockBytes;
        if (step > 0)
        {
            transfer.Step = step;
            return true;
        }

        if (!_free.TryPop(out int bounce)) return false;
        transfer.Bounce = bounce;
        transfer.Step = Math.Min(transfer.Left, BounceBytes);
        Span<byte> buffer = _area.Span(BounceAt(bounce), (int)transfer.Step);
        if (transfer.WritesZeroes) buffer.Clear();
        else if (transfer.Type == BlockRequestType.Write) transfer.Data!.CopyTo(buffer);
        return true;
    }

    private long DirectBytes(RemoteTransfer transfer)
    {
        long sum = 0;
        long segments = 0;
        int count = transfer.Data!.Count;
        for (int i = 0; i < count && segments < _limits.Segments && sum < MaximumStepBytes; i++)
        {
            (nint address, long bytes) = transfer.Data.Piece(i);
            if ((ulong)(address - _ram) > _ramBytes || (ulong)bytes > _ramBytes - (ulong)(address - _ram)) break;
            long fits = Math.Min(bytes, (_limits.Segments - segments) * _limits.SegmentBytes);
            segments += (fits + _limits.SegmentBytes - 1) / _limits.SegmentBytes;
            sum += fits;
            if (fits < bytes) break;
        }

        return Math.Min(Math.Min(sum, transfer.Left), MaximumStepBytes);
    }

    private void AddData(int slot, RemoteTransfer transfer)
    {
        DescriptorFlags flags = DescriptorFlags.Next | (transfer.Type == BlockRequestType.Read ? DescriptorFlags.Write : DescriptorFlags.None);
        long left = transfer.Step;
        if (transfer.Bounce >= 0)
        {
            // A buffer may be longer than a segment.
            for (nint address = _address + BounceAt(transfer.Bounce); left > 0;)
            {
                long bytes = Math.Min(left, _limits.SegmentBytes);
                Add(slot, address, (uint)bytes, flags);
                address += (nint)bytes;
                left -= bytes;
            }

            return;
        }

        for (int i = 0; left > 0; i++)
        {
            (nint address, long length) = transfer.Data!.Piece(i);
            for (length = Math.Min(length, left); length > 0;)
            {
                long bytes = Math.Min(length, _limits.SegmentBytes);
                Add(slot, address, (uint)bytes, flags);
                address += (nint)bytes;
                length -= bytes;
                left -= bytes;
            }
        }
    }

    private void AddRange(int slot, RemoteTransfer transfer)
    {
        bool zeroes = transfer.Type == BlockRequestType.WriteZeroes;
        transfer.Step = Math.Min(transfer.Left, zeroes ? _limits.ZeroBytes : _limits.DiscardBytes);
        int at = (slot * PlaceBytes) + RangeAt;
        _area.WriteUInt64(at, (ulong)transfer.Offset / BlockConfig.SectorBytes);
        _area.WriteUInt32(at + 8, (uint)(transfer.Step / BlockConfig.SectorBytes));
        _area.WriteUInt32(at + 12, zeroes && transfer.MayUnmap && _limits.ZeroMayUnmap ? BlockRangeSegment.Unmap : 0);
        Add(slot, _address + at, BlockRangeSegment.Size, DescriptorFlags.Next);
    }

    private void Add(int slot, nint address, uint bytes, DescriptorFlags flags)
    {
        int index = _counts[slot]++;
        int at = (slot * PlaceBytes) + TableAt + (index * QueueLayout.DescriptorBytes);
        _area.WriteUInt64(at, (ulong)address);
        _area.WriteUInt32(at + 8, bytes);
        _area.WriteUInt16(at + 12, (ushort)flags);
        _area.WriteUInt16(at + 14, (ushort)(index + 1));
    }
}
