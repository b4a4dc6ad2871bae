using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Machine.Hypercalls;

/// <summary>The extended hypercalls by which a guest tells which of its pages hold nothing: they go back to the host until they are written again.</summary>
/// <remarks>Every vCPU thread; one call costs its caller's time alone. Source: protocol-spec/dynamic-memory.md#free-pages.</remarks>
internal sealed class FreePageHints(GuestMemory memory)
{
    /// <summary>HvExtCallQueryCapabilities.</summary>
    internal const ushort QueryCode = 0x8001;

    /// <summary>HvExtCallMemoryHeatHint.</summary>
    internal const ushort HeatHintCode = 0x8003;

    private const ulong ColdDiscardCapability = 1 << 8;
    private const ulong ColdDiscard = 2;
    private const int HeadBytes = 8;
    private const int RangeBytes = 8;
    private const ulong LargeBit = 1 << 11;
    private const ulong HugeBit = 1 << 12;
    private const int LargePageShift = 21;

    private long _discardedBytes;

    /// <summary>Bytes that guests have called free so far.</summary>
    internal long DiscardedBytes => Volatile.Read(ref _discardedBytes);

    /// <summary>Tells the guest that it may give hints.</summary>
    /// <param name="output">Where the 8 bytes of capabilities go.</param>
    internal HypercallStatus Query(Gpa output)
    {
        if (output.Value % 8 != 0) return HypercallStatus.InvalidAlignment;
        Span<byte> capabilities = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(capabilities, ColdDiscardCapability);
        return memory.TryWrite(output, capabilities) ? HypercallStatus.Success : HypercallStatus.InvalidParameter;
    }

    /// <summary>Gives ranges back.</summary>
    /// <param name="input">Where the kind of the hint and the ranges are.</param>
    /// <param name="start">The first range.</param>
    /// <param name="count">The ranges, with those before the first.</param>
    /// <param name="done">How many are done, with those before the first.</param>
    internal HypercallStatus Discard(Gpa input, int start, int count, out int done)
    {
        done = start;
        // Input parameters are 8-byte aligned and lie in one page.
        if (input.Value % 8 != 0 || (input.Value % Gpa.PageBytes) + HeadBytes + (ulong)(count * RangeBytes) > Gpa.PageBytes) return HypercallStatus.InvalidAlignment;
        if (!TryRead(input, out ulong kind) || kind != ColdDiscard) return HypercallStatus.InvalidParameter;
        for (; done < count; done++)
        {
            if (!TryRead(new Gpa(input.Value + HeadBytes + ((ulong)done * RangeBytes)), out ulong range) || !TryDiscard(range)) return HypercallStatus.InvalidParameter;
        }

        return HypercallStatus.Success;
    }

    private bool TryRead(Gpa address, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bool isRead = memory.TryRead(address, bytes);
        value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return isRead;
    }

    private bool TryDiscard(ulong range)
    {
        ulong pages = (range & (LargeBit - 1)) + 1;
        bool isLarge = (range & LargeBit) != 0;
        // Pages of 1 GiB, which no guest here reports.
        if (isLarge && (range & HugeBit) != 0) return false;
        ulong start = isLarge ? range >> LargePageShift << LargePageShift : range >> 12 << 12;
        ulong bytes = pages * (isLarge ? 1ul << LargePageShift : Gpa.PageBytes);
        try
        {
            if (!memory.TryDiscard(new Gpa(start), bytes)) return false;
        }
        catch (LinuxException)
        {
            // A hint: the pages stay where the host cannot take them.
            return true;
        }

        Interlocked.Add(ref _discardedBytes, (long)bytes);
        return true;
    }
}
