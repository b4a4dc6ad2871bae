using System.Diagnostics.CodeAnalysis;
using VmBus.Memory.Guest;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Gpadls;

/// <summary>How a piece of a GPADL was taken.</summary>
internal enum GpadlProgress
{
    /// <summary>More bodies have to come.</summary>
    Incomplete,

    /// <summary>The GPADL is usable.</summary>
    Complete,

    /// <summary>No header began it.</summary>
    Unknown,

    /// <summary>Not well-formed, an id in use, or pages that are not RAM.</summary>
    Invalid,

    /// <summary>A limit is reached.</summary>
    OverQuota,
}

/// <summary>The GPADLs of one connection, complete and incomplete.</summary>
/// <remarks>
/// Ids are the guest's and unique per channel; bodies name no channel, so ids of incomplete ones are unique. Source: protocol-spec/channel.md#gpadl.
/// </remarks>
internal sealed class GpadlTable(GuestMemory memory)
{
    private const int RangeHeadBytes = 8;

    private readonly Dictionary<(uint Channel, uint Id), Gpadl> _complete = [];
    private readonly Dictionary<uint, Assembly> _incomplete = [];

    public IEnumerable<Gpadl> Complete => _complete.Values;

    public int Count => _complete.Count;

    public int IncompleteCount => _incomplete.Count;

    public int PageCount { get; private set; }

    /// <summary>Takes a GPADL_HEADER and what came of the ranges with it.</summary>
    public GpadlProgress Begin(uint channelId, uint id, int rangeBytes, int rangeCount, ReadOnlySpan<byte> bytes)
    {
        if (_complete.ContainsKey((channelId, id)) || _incomplete.ContainsKey(id)) return GpadlProgress.Invalid;
        if (rangeCount == 0 || rangeBytes < rangeCount * RangeHeadBytes || rangeBytes % sizeof(ulong) != 0) return GpadlProgress.Invalid;
        if (_complete.Count + _incomplete.Count >= GpadlLimits.MaximumCount || CountOf(channelId) >= GpadlLimits.MaximumPerChannel)
            return GpadlProgress.OverQuota;
        var assembly = new Assembly(channelId, rangeCount, new byte[rangeBytes]);
        assembly.Append(bytes);
        if (assembly.IsFull) return Finish(id, assembly);
        if (_incomplete.Count >= GpadlLimits.MaximumIncomplete) return GpadlProgress.OverQuota;
        _incomplete.Add(id, assembly);
        return GpadlProgress.Incomplete;
    }

    /// <summary>Takes a GPADL_BODY.</summary>
    public GpadlProgress Continue(uint id, ReadOnlySpan<byte> bytes, out uint channelId)
    {
        channelId = 0;
        if (!_incomplete.TryGetValue(id, out Assembly? assembly)) return GpadlProgress.Unknown;
        channelId = assembly.ChannelId;
        assembly.Append(bytes);
        if (!assembly.IsFull) return GpadlProgress.Incomplete;
        _incomplete.Remove(id);
        return Finish(id, assembly);
    }

    public bool TryGet(uint channelId, uint id, [NotNullWhen(true)] out Gpadl? gpadl) => _complete.TryGetValue((channelId, id), out gpadl);

    public void Remove(Gpadl gpadl)
    {
        if (_complete.Remove((gpadl.ChannelId, gpadl.Id))) PageCount -= gpadl.PageCount;
    }

    /// <summary>Drops a GPADL of which not everything came. False when there is none.</summary>
    public bool Abandon(uint channelId, uint id)
        => _incomplete.TryGetValue(id, out Assembly? assembly) && assembly.ChannelId == channelId && _incomplete.Remove(id);

    /// <summary>Forgets what belongs to a channel that the guest has released.</summary>
    public void RemoveChannel(uint channelId)
    {
        foreach (Gpadl gpadl in _complete.Values.Where(gpadl => gpadl.ChannelId == channelId).ToList()) Remove(gpadl);
        foreach (uint id in _incomplete.Where(entry => entry.Value.ChannelId == channelId).Select(entry => entry.Key).ToList())
            _incomplete.Remove(id);
    }

    public void Clear()
    {
        _complete.Clear();
        _incomplete.Clear();
        PageCount = 0;
    }

    private int CountOf(uint channelId)
    {
        int count = 0;
        foreach ((uint channel, _) in _complete.Keys) count += channel == channelId ? 1 : 0;
        foreach (Assembly assembly in _incomplete.Values) count += assembly.ChannelId == channelId ? 1 : 0;
        return count;
    }

    private GpadlProgress Finish(uint id, Assembly assembly)
    {
        if (!TryParse(assembly, out GpadlRange[] ranges, out List<PageRun> runs, out int pages)) return GpadlProgress.Invalid;
        if (pages > GpadlLimits.MaximumPages - PageCount) return GpadlProgress.OverQuota;
        _complete.Add((assembly.ChannelId, id), new Gpadl(assembly.ChannelId, id, ranges, [.. runs], pages));
        PageCount += pages;
        return GpadlProgress.Complete;
    }

    // {u32 byte count, u32 byte offset, u64 page number for each page touched}, repeated.
    private bool TryParse(Assembly assembly, out GpadlRange[] ranges, out List<PageRun> runs, out int pageTotal)
    {
        ranges = new GpadlRange[assembly.RangeCount];
        runs = [];
        pageTotal = 0;
        ReadOnlySpan<byte> rest = assembly.Bytes;
        for (int i = 0; i < assembly.RangeCount; i++)
        {
            if (rest.Length < RangeHeadBytes) return false;
            uint byteCount = ReadUInt32LittleEndian(rest);
            uint byteOffset = ReadUInt32LittleEndian(rest[4..]);
            rest = rest[RangeHeadBytes..];
            if (byteCount == 0 || byteOffset >= Gpa.PageBytes) return false;
            ulong pages = ((ulong)byteOffset + byteCount + Gpa.PageBytes - 1) / Gpa.PageBytes;
            if (pages > (ulong)(rest.Length / sizeof(ulong))) return false;
            int firstRun = runs.Count;
            if (!TryCollect(rest[..((int)pages * sizeof(ulong))], runs)) return false;
            rest = rest[((int)pages * sizeof(ulong))..];
            pageTotal += (int)pages;
            ranges[i] = new GpadlRange(byteOffset, byteCount, firstRun, runs.Count - firstRun);
        }

        return true;
    }

    // Appends the pages of one range; a run does not go on from the range before.
    private bool TryCollect(ReadOnlySpan<byte> pageNumbers, List<PageRun> runs)
    {
        int first = runs.Count;
        for (int i = 0; i < pageNumbers.Length; i += sizeof(ulong))
        {
            ulong page = ReadUInt64LittleEndian(pageNumbers[i..]);
            if (!memory.Contains(Gpa.FromPage(page), Gpa.PageBytes)) return false;
            if (runs.Count > first && runs[^1].FirstPage + (ulong)runs[^1].PageCount == page)
                runs[^1] = runs[^1] with { PageCount = runs[^1].PageCount + 1 };
            else
                runs.Add(new PageRun(page, 1));
        }

        return true;
    }

    // Ranges as they arrive; bytes beyond the announced length are padding.
    private sealed class Assembly(uint channelId, int rangeCount, byte[] bytes)
    {
        private int _filled;

        public uint ChannelId { get; } = channelId;

        public int RangeCount { get; } = rangeCount;

        public ReadOnlySpan<byte> Bytes => bytes;

        public bool IsFull => _filled == bytes.Length;

        public void Append(ReadOnlySpan<byte> more)
        {
            int taken = Math.Min(more.Length, bytes.Length - _filled);
            more[..taken].CopyTo(bytes.AsSpan(_filled));
            _filled += taken;
        }
    }
}
