using System.Buffers.Binary;
using VmBus.Memory.Guest;

namespace VmBus.Machine.Hypercalls;

/// <summary>Parses the hypercalls that KVM leaves to user space.</summary>
/// <remarks>
/// Input: the hypercall value (bits 0-15 code, 16 fast, 17-26 variable header, 32-43 repeat count, 48-59 repeat start) and two parameters.
/// Every vCPU thread. Source: protocol-spec/synic.md#hypercalls.
/// </remarks>
/// <param name="memory">The guest's.</param>
/// <param name="sink">Takes messages and signals.</param>
/// <param name="hints">Takes free pages; null where the guest is not to report them.</param>
internal sealed class HypercallDispatcher(GuestMemory memory, IHypercallSink sink, FreePageHints? hints = null)
{
    internal const ushort PostMessageCode = 0x5C;
    internal const ushort SignalEventCode = 0x5D;

    internal const int MaximumPayloadBytes = 240;

    private const ulong FastBit = 1 << 16;
    private const ulong AllowedBits = 0xFFFF | FastBit;
    internal const int RepeatCountShift = 32;
    private const int RepeatStartShift = 48;
    private const ulong RepeatMask = 0xFFF;
    private const ulong RepeatBits = (RepeatMask << RepeatCountShift) | (RepeatMask << RepeatStartShift);
    private const int PostInputBytes = 16 + MaximumPayloadBytes;
    private const uint ConnectionIdMask = 0xFF_FFFF;
    private const uint HypervisorMessage = 0x8000_0000;

    /// <summary>The call code of a hypercall value.</summary>
    internal static ushort CodeOf(ulong input) => (ushort)input;

    /// <summary>Carries a hypercall out.</summary>
    /// <param name="input">The hypercall value, RCX.</param>
    /// <param name="first">
    /// RDX, or what KVM has made of it: for SIGNAL_EVENT it is connection id and flag number in either form, never an address.
    /// </param>
    /// <param name="second">R8.</param>
    /// <param name="repeats">What is done of a call that repeats; else 0.</param>
    internal HypercallStatus Dispatch(ulong input, ulong first, ulong second, out int repeats)
    {
        repeats = 0;
        switch (CodeOf(input))
        {
            case PostMessageCode:
                // A message does not fit in registers: the fast form is not this call.
                if ((input & FastBit) != 0) return HypercallStatus.InvalidHypercallCode;
                return (input & ~AllowedBits) != 0 ? HypercallStatus.InvalidHypercallInput : PostMessage(new Gpa(first));
            case SignalEventCode:
                if ((input & ~AllowedBits) != 0 || first >> 48 != 0) return HypercallStatus.InvalidHypercallInput;
                uint connection = (uint)first;
                return (connection & ~ConnectionIdMask) != 0
                    ? HypercallStatus.InvalidConnectionId
                    : sink.SignalEvent(connection, (ushort)(first >> 32));
            case FreePageHints.QueryCode when hints is not null:
                return (input & ~(ulong)ushort.MaxValue) != 0 ? HypercallStatus.InvalidHypercallInput : hints.Query(new Gpa(second));
            case FreePageHints.HeatHintCode when hints is not null:
                int count = (int)(input >> RepeatCountShift & RepeatMask);
                int start = (int)(input >> RepeatStartShift & RepeatMask);
                if ((input & ~(ushort.MaxValue | RepeatBits)) != 0 || start >= count) return HypercallStatus.InvalidHypercallInput;
                return hints.Discard(new Gpa(first), start, count, out repeats);
            default:
                return HypercallStatus.InvalidHypercallCode;
        }
    }

    private HypercallStatus PostMessage(Gpa address)
    {
        // Input parameters are 8-byte aligned and lie in one page.
        if (address.Value % 8 != 0 || address.Value % Gpa.PageBytes > Gpa.PageBytes - PostInputBytes) return HypercallStatus.InvalidAlignment;
        Span<byte> copy = stackalloc byte[PostInputBytes];
        if (!memory.TryRead(address, copy)) return HypercallStatus.InvalidParameter;

        uint connection = BinaryPrimitives.ReadUInt32LittleEndian(copy) & ConnectionIdMask;
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(copy[8..]);
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(copy[12..]);
        if (bytes > MaximumPayloadBytes || type == 0 || (type & HypervisorMessage) != 0) return HypercallStatus.InvalidParameter;
        return sink.PostMessage(connection, type, copy.Slice(16, (int)bytes));
    }
}
