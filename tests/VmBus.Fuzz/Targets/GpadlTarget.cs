using VmBus.Bus.Gpadls;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>GPADLs: headers and bodies of any bytes. What is accepted lies in RAM, and the quotas hold.</summary>
internal sealed class GpadlTarget : IFuzzTarget
{
    private const ulong RamBytes = 16 << 20;

    private readonly GuestMemory _memory = GuestMemory.Create(RamBytes);

    public string Name => "gpadl";

    public string What => "descriptions of guest memory";

    public IEnumerable<byte[]> Seeds =>
    [
        [0, 1, 1, 2, 1, 16, 0, 0, 16, 0, 0],
        [0, 1, 1, 20, 1, 100, 1, 1, 200, 1, 1, 200, 2, 1, 3, 1, 1],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        var table = new GpadlTable(_memory);
        while (!steps.IsEmpty)
        {
            uint channel = (uint)steps.Below(4), id = steps.Number();
            switch (steps.Byte() % 6)
            {
                case 0 or 1:
                    _ = table.Begin(channel, id, steps.UInt16(), steps.UInt16(), steps.Block(220));
                    break;
                case 2:
                    _ = Sound(table, channel, id, ref steps);
                    break;
                case 3:
                    _ = table.Continue(id, steps.Block(224), out _);
                    break;
                case 4:
                    if (table.TryGet(channel, id, out Gpadl? found)) table.Remove(found);
                    else _ = table.Abandon(channel, id);
                    break;
                default:
                    table.RemoveChannel(channel);
                    break;
            }
        }

        Check(table);
    }

    public void Dispose() => _memory.Dispose();

    // A header of whole pages, spoiled now and then.
    private static GpadlProgress Sound(GpadlTable table, uint channel, uint id, ref FuzzInput input)
    {
        int pages = input.Below(26);
        byte[] ranges = new byte[8 + (8 * pages)];
        WriteUInt32LittleEndian(ranges, (uint)pages * Gpa.PageBytes);
        for (int i = 0; i < pages; i++) WriteUInt64LittleEndian(ranges.AsSpan(8 + (8 * i)), input.Number());
        input.Change(ranges);
        return table.Begin(channel, id, ranges.Length, 1 + (input.Byte() & 1), ranges);
    }

    private static void Check(GpadlTable table)
    {
        Must(table.Count + table.IncompleteCount <= GpadlLimits.MaximumCount, "More GPADLs than the quota.");
        Must(table.IncompleteCount <= GpadlLimits.MaximumIncomplete, "More incomplete GPADLs than the quota.");
        Must(table.PageCount == table.Complete.Sum(static gpadl => gpadl.PageCount), "The pages are not counted right.");
        Must(table.PageCount <= GpadlLimits.MaximumPages, "More pages than the quota.");
        foreach (Gpadl gpadl in table.Complete)
        {
            for (uint split = 0; split <= 8; split++)
            {
                if (!gpadl.TrySplit(split, out IReadOnlyList<PageRun> first, out IReadOnlyList<PageRun> second)) continue;
                foreach (PageRun run in first.Concat(second)) Must((run.FirstPage + (ulong)run.PageCount) * Gpa.PageBytes <= RamBytes, "A page that is accepted is not RAM.");
                Must(first.Sum(static run => run.PageCount) == split, "A split is not where it was asked for.");
            }
        }
    }
}
