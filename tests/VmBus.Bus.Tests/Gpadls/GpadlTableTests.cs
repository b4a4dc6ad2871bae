using VmBus.Bus.Gpadls;
using VmBus.Memory.Guest;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Gpadls;

/// <summary>What descriptions of guest memory cost the host.</summary>
public sealed class GpadlTableTests : IDisposable
{
    private const int RangesPerGpadl = 4095;
    private const int RangeBytes = 16;

    // What stays is 32 bytes; the rest is the copy of the message and lists that grow. A list for each range would be 160 more.
    private const int AllocatedBytesPerPage = 128;

    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Ranges_of_one_page_cost_no_more_than_others()
    {
        var table = new GpadlTable(_memory);
        byte[] ranges = new byte[RangesPerGpadl * RangeBytes];
        for (int at = 0; at < ranges.Length; at += RangeBytes)
        {
            WriteUInt32LittleEndian(ranges.AsSpan(at), Gpa.PageBytes);
            WriteUInt64LittleEndian(ranges.AsSpan(at + 8), 1);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (uint id = 1; id <= 16; id++)
            Assert.Equal(GpadlProgress.Complete, table.Begin(1, id, ranges.Length, RangesPerGpadl, ranges));
        long after = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal(16 * RangesPerGpadl, table.PageCount);
        Assert.InRange(after - before, 0, AllocatedBytesPerPage * (long)table.PageCount);
    }
}
