using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>Which pages the guest has described to the host and not got back, message by message.</summary>
internal sealed class DescribedPages
{
    private const int RangeHeaderBytes = 8;
    private const int PageBytes = 4096;
    private const int PageNumberBytes = sizeof(ulong);
    private const int MostPages = 1 << 20;

    private readonly Dictionary<uint, Gpadl> _incomplete = [];
    private readonly Dictionary<uint, Gpadl> _live = [];
    private readonly Dictionary<ulong, uint> _owners = [];

    /// <summary>GPADLs that were described.</summary>
    public int Gpadls { get; private set; }

    /// <summary>Their pages.</summary>
    public long Pages { get; private set; }

    /// <summary>Takes the next message.</summary>
    /// <exception cref="RuleBrokenException">It describes a page that the host still has.</exception>
    public void Add(TracedMessage message)
    {
        switch (message.FromGuest, message.Number)
        {
            case (true, (uint)ServerBoundType.GpadlHeader) when GpadlHeader.TryRead(message.Bytes.Span, out GpadlHeader header):
                Take(header.GpadlId, new Gpadl(header.ChannelId, header.RangeBytes), GpadlHeader.Ranges(message.Bytes.Span));
                break;
            case (true, (uint)ServerBoundType.GpadlBody) when GpadlBody.TryRead(message.Bytes.Span, out GpadlBody body) && _incomplete.TryGetValue(body.GpadlId, out Gpadl? begun):
                Take(body.GpadlId, begun, GpadlBody.Ranges(message.Bytes.Span));
                break;
            case (false, (uint)ClientBoundType.GpadlTorndown) when GpadlTorndown.TryRead(message.Bytes.Span, out GpadlTorndown torn):
                Free(torn.GpadlId);
                break;
            case (false, (uint)ClientBoundType.GpadlCreated) when GpadlCreated.TryRead(message.Bytes.Span, out GpadlCreated created) && created.Status != 0:
                Free(created.GpadlId);
                break;
            case (false, (uint)ClientBoundType.RescindChannelOffer):
                foreach (uint id in _live.Where(pair => pair.Value.ChannelId == message.ChannelId).Select(static pair => pair.Key).ToArray()) Free(id);
                break;
            case (true, (uint)ServerBoundType.InitiateContact or (uint)ServerBoundType.Unload):
                _incomplete.Clear();
                _live.Clear();
                _owners.Clear();
                break;
        }
    }

    private void Take(uint id, Gpadl gpadl, ReadOnlySpan<byte> ranges)
    {
        gpadl.Bytes.AddRange(ranges[..Math.Min(ranges.Length, Math.Max(0, gpadl.RangeBytes - gpadl.Bytes.Count))]);
        _incomplete[id] = gpadl;
        if (gpadl.Bytes.Count < gpadl.RangeBytes) return;
        _incomplete.Remove(id);
        _live[id] = gpadl;
        Gpadls++;
        foreach (ulong page in gpadl.Pages())
        {
            Pages++;
            if (!_owners.TryAdd(page, id) && _owners[page] != id)
                throw new RuleBrokenException($"GPADL 0x{id:x} describes page 0x{page:x}, which GPADL 0x{_owners[page]:x} has and the host has not given back.");
        }
    }

    private void Free(uint id)
    {
        if (!_live.Remove(id, out Gpadl? gpadl)) return;
        foreach (ulong page in gpadl.Pages()) _owners.Remove(page);
    }

    private sealed record Gpadl(uint ChannelId, int RangeBytes)
    {
        public List<byte> Bytes { get; } = [];

        public IEnumerable<ulong> Pages()
        {
            byte[] bytes = [.. Bytes];
            int found = 0;
            for (int at = 0; at + RangeHeaderBytes <= bytes.Length;)
            {
                long touched = (long)ReadUInt32LittleEndian(bytes.AsSpan(at)) + (ReadUInt32LittleEndian(bytes.AsSpan(at + sizeof(uint))) % PageBytes);
                long count = Math.Min((touched + PageBytes - 1) / PageBytes, (bytes.Length - at - RangeHeaderBytes) / PageNumberBytes);
                at += RangeHeaderBytes;
                for (; count > 0 && found < MostPages; count--, found++, at += PageNumberBytes) yield return ReadUInt64LittleEndian(bytes.AsSpan(at));
                if (count > 0) yield break;
            }
        }
    }
}
