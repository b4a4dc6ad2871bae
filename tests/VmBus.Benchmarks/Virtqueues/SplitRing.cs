using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;

namespace VmBus.Benchmarks.Virtqueues;

/// <summary>The driver's end of a split ring.</summary>
internal sealed class SplitRing : DriverRing
{
    private readonly int _requests;
    private readonly bool _indirect;
    private ushort _available;
    private ushort _used;

    internal SplitRing(GuestMemory memory, int size, bool indirect)
        : base(memory, new QueueSettings { Size = size, EventIndex = true, IndirectDescriptors = indirect })
    {
        _indirect = indirect;
        _requests = indirect ? size : size / Pieces;
    }

    internal override void Offer()
    {
        int request = _available % _requests;
        int first = _indirect ? 0 : request * Pieces;
        QueueArea area = _indirect ? Table(request) : Descriptors;
        for (int piece = 0; piece < Pieces; piece++)
            Describe(area, (first + piece) * QueueLayout.DescriptorBytes, piece, request, (ushort)FlagsOf(piece), (ushort)(first + piece + 1));
        if (_indirect)
        {
            int at = request * QueueLayout.DescriptorBytes;
            Descriptors.WriteUInt64(at, TableAddress(request));
            Descriptors.WriteUInt32(at + 8, Pieces * QueueLayout.DescriptorBytes);
            Descriptors.WriteUInt16(at + 12, (ushort)DescriptorFlags.Indirect);
        }

        Driver.WriteUInt16(QueueLayout.AvailableElement(_available & (Settings.Size - 1)), (ushort)(_indirect ? request : first));
        _available++;
    }

    internal override void Publish() => Driver.WriteUInt16(2, _available);

    internal override bool TryTakeUsed()
    {
        if (Device.ReadUInt16(2) == _used) return false;
        _ = Device.ReadUInt32(QueueLayout.UsedElement(_used & (Settings.Size - 1)));
        _used++;
        return true;
    }
}
