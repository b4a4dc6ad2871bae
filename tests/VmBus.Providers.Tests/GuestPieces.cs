using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Tests;

/// <summary>The guest memory that a packet's ranges name.</summary>
internal static class GuestPieces
{
    /// <summary>The pieces of a GPA-direct packet in their order, none longer than a page; none for other packets.</summary>
    /// <param name="header">Behind the descriptor.</param>
    public static List<(Gpa Start, int Bytes)> Of(ReadOnlySpan<byte> header)
    {
        var pieces = new List<(Gpa Start, int Bytes)>();
        if (!GpaRange.TryReadCount(ref header, out uint count)) return pieces;
        for (; count > 0 && GpaRange.TryRead(ref header, out GpaRange range); count--)
        {
            int offset = range.Offset;
            int left = range.Bytes;
            for (int page = 0; page < range.PageCount; page++)
            {
                int step = Math.Min(left, Gpa.PageBytes - offset);
                pieces.Add((Gpa.FromPage(range.Page(page)) + (ulong)offset, step));
                left -= step;
                offset = 0;
            }
        }

        return pieces;
    }
}
