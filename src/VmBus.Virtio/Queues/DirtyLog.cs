using VmBus.Memory.Guest;
using VmBus.Memory.Queues;

namespace VmBus.Virtio.Queues;

/// <summary>The front-end's bitmap of pages that a device has written, one bit for each 4 KiB, for its live migration.</summary>
/// <remarks>Any thread may mark. Source: the vhost-user protocol, Migration.</remarks>
internal sealed class DirtyLog(QueueArea bits)
{
    /// <summary>Marks every page that a range touches. What the log is too short for is not marked: the front-end has not asked for it.</summary>
    public void Mark(Gpa start, long bytes)
    {
        if (bytes <= 0) return;
        ulong first = start.Value / Gpa.PageBytes;
        ulong last = (start + (ulong)(bytes - 1)).Value / Gpa.PageBytes;
        ulong end = Math.Min(last + 1, (ulong)bits.Bytes * 8);
        for (ulong page = first; page < end; page++) bits.SetBits((long)(page / 8), (byte)(1 << (int)(page % 8)));
    }
}
