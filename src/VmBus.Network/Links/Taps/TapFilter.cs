using System.Buffers.Binary;
using VmBus.Native.Linux;
using VmBus.Network.Frames;

namespace VmBus.Network.Links.Taps;

/// <summary>A frame filter as a program that the kernel runs over each frame before it puts it into a queue.</summary>
/// <remarks>
/// TUNSETTXFILTER would not do: it takes groups by a hash, cannot tell broadcast from other groups, and lets everything pass while it is changed.
/// </remarks>
internal static class TapFilter
{
    private const uint GroupBit = 1;

    /// <summary>Writes the program that accepts exactly what <see cref="FrameFilter.Accepts"/> accepts.</summary>
    internal static BpfInstruction[] Write(FrameFilter filter)
    {
        if ((filter.Accepted & FrameKinds.Everything) != 0) return [BpfInstruction.Return(true)];
        if (filter.Accepted == FrameKinds.None) return [BpfInstruction.Return(false)];
        Span<byte> address = stackalloc byte[MacAddress.Bytes];
        filter.Address.Write(address);
        uint high = BinaryPrimitives.ReadUInt32BigEndian(address);
        uint low = BinaryPrimitives.ReadUInt16BigEndian(address[4..]);
        return
        [
            BpfInstruction.Load(1, 0),
            BpfInstruction.IfAnyBit(GroupBit, 5, 0),
            // To one: ours or another's.
            BpfInstruction.Load(4, 0),
            BpfInstruction.IfEqual(high, 0, 8),
            BpfInstruction.Load(2, 4),
            BpfInstruction.IfEqual(low, 0, 6),
            BpfInstruction.Return((filter.Accepted & FrameKinds.Directed) != 0),
            // To a group: everybody's or another.
            BpfInstruction.Load(4, 0),
            BpfInstruction.IfEqual(uint.MaxValue, 0, 4),
            BpfInstruction.Load(2, 4),
            BpfInstruction.IfEqual(ushort.MaxValue, 0, 2),
            BpfInstruction.Return((filter.Accepted & FrameKinds.Broadcast) != 0),
            BpfInstruction.Return(false),
            BpfInstruction.Return((filter.Accepted & FrameKinds.Multicast) != 0),
        ];
    }
}
