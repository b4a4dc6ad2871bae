using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;

namespace VmBus.Benchmarks.Virtqueues;

/// <summary>The driver's end of a packed ring.</summary>
internal sealed class PackedRing : DriverRing
{
    private const DescriptorFlags Both = DescriptorFlags.Available | DescriptorFlags.Used;

    private readonly int _slots;
    private readonly bool _indirect;
    private int _next;
    private int _used;
    private int _request;
    private bool _wrap = true;
    private bool _usedWrap = true;
    private (int At, ushort Flags) _first;
    private bool _isOpen;

    internal PackedRing(GuestMemory memory, int size, bool indirect)
        : base(memory, new QueueSettings { Size = size, IsPacked = true, Base = PackedQueue.FreshBase, EventIndex = true, IndirectDescriptors = indirect })
    {
        _indirect = indirect;
        _slots = indirect ? 1 : Pieces;
    }

    internal override void Offer()
    {
        // One identifier is enough for a driver whose requests end in their order.
        int request = _request++ & 63;
        if (_indirect)
        {
            QueueArea table = Table(request);
            for (int piece = 0; piece < Pieces; piece++) Describe(table, piece * QueueLayout.DescriptorBytes, piece, request, (ushort)FlagsOf(piece), 0);
            int at = _next * QueueLayout.DescriptorBytes;
            Descriptors.WriteUInt64(at, TableAddress(request));
            Descriptors.WriteUInt32(at + 8, Pieces * QueueLayout.DescriptorBytes);
            Descriptors.WriteUInt16(at + 12, (ushort)request);
            Mark(DescriptorFlags.Indirect);
            return;
        }

        for (int piece = 0; piece < Pieces; piece++)
        {
            // As Describe has it, with the identifier where a split ring has flags; the flags come last.
            Describe(Descriptors, _next * QueueLayout.DescriptorBytes, piece, request, (ushort)request, Descriptors.ReadUInt16((_next * QueueLayout.DescriptorBytes) + 14));
            Mark(FlagsOf(piece));
        }
    }

    internal override void Publish()
    {
        Descriptors.WriteUInt16(_first.At, _first.Flags);
        _isOpen = false;
    }

    internal override bool TryTakeUsed()
    {
        if (((DescriptorFlags)Descriptors.ReadUInt16((_used * QueueLayout.DescriptorBytes) + 14) & Both) != (_usedWrap ? Both : DescriptorFlags.None)) return false;
        _used += _slots;
        if (_used < Settings.Size) return true;
        _used -= Settings.Size;
        _usedWrap = !_usedWrap;
        return true;
    }

    // Everything of a batch is there before the flags of its first descriptor are.
    private void Mark(DescriptorFlags flags)
    {
        int at = (_next * QueueLayout.DescriptorBytes) + 14;
        ushort marked = (ushort)(flags | (_wrap ? DescriptorFlags.Available : DescriptorFlags.Used));
        if (_isOpen) Descriptors.WriteUInt16(at, marked);
        else _first = (at, marked);
        _isOpen = true;
        if (++_next < Settings.Size) return;
        _next = 0;
        _wrap = !_wrap;
    }
}
