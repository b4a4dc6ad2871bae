using VmBus.Memory.Guest;

namespace VmBus.Memory.Synic;

/// <summary>The message slot of one synthetic interrupt source in a guest's message page (SIMP).</summary>
/// <remarks>
/// 256 bytes: [0) type u32, 0 when free · [4) payload bytes u8 · [5) flags u8, bit 0 message pending · [6) 0 · [8) sender u64 ·
/// [16) payload. The host owns a free slot, the guest a taken one, which it frees by storing type 0. One host thread at a time, while the
/// guest memory is not disposed and the page is the one the guest chose. A default value has no page. Source: protocol-spec/synic.md#messages.
/// </remarks>
public readonly unsafe struct MessageSlot
{
    /// <summary>Bytes of a slot.</summary>
    public const int Bytes = 256;

    /// <summary>Bytes of payload at most.</summary>
    public const int MaximumPayloadBytes = 240;

    private const int FlagsWord = 1;
    private const int SenderOffset = 8;
    private const int PayloadOffset = 16;

    // Byte 5 of the slot, as a bit of the little-endian word at byte 4.
    private const uint PendingBit = 0x100;

    private readonly uint* _words;

    private MessageSlot(uint* words) => _words = words;

    /// <summary>Whether there is a page behind this value.</summary>
    public bool Exists => _words != null;

    // SAFETY: TryOpen checked the whole slot against guest RAM; it is 256-byte aligned.

    /// <summary>Whether the guest has taken what was in the slot (acquire).</summary>
    public bool IsFree => Volatile.Read(ref _words[0]) == 0;

    /// <summary>Finds the slot of <paramref name="source"/> (0 to 15) in the page at <paramref name="page"/>.</summary>
    /// <returns>False when the page is not RAM or not page aligned.</returns>
    public static bool TryOpen(GuestMemory memory, Gpa page, int source, out MessageSlot slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)source, 15u, nameof(source));
        slot = default;
        if (page.Value % Gpa.PageBytes != 0 || !memory.TryGetHostAddress(page, Gpa.PageBytes, out nint address)) return false;
        // SAFETY: the whole page was checked against guest RAM; slot 15 ends with it.
        slot = new MessageSlot((uint*)(address + (source * Bytes)));
        return true;
    }

    /// <summary>
    /// Asks the guest to write its end-of-message register once it has freed the slot. The caller then reads <see cref="IsFree"/> again:
    /// a guest that freed the slot before it could see the request will not write.
    /// </summary>
    // SAFETY: as above. The atomic operation is the full barrier that pairs with the guest's between freeing the slot and reading the flag.
    public void RequestEndOfMessage() => Interlocked.Or(ref _words[FlagsWord], PendingBit);

    /// <summary>Fills a free slot and hands it to the guest.</summary>
    /// <param name="type">The message type, not 0.</param>
    /// <param name="payload">At most 240 bytes; the rest of the slot becomes 0.</param>
    /// <param name="pending">Whether another message waits behind this one.</param>
    public void Write(uint type, ReadOnlySpan<byte> payload, bool pending)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, MaximumPayloadBytes, nameof(payload));
        // SAFETY: as above; offsets and lengths stay below the slot's 256 bytes.
        var rest = new Span<byte>((byte*)_words + SenderOffset, Bytes - SenderOffset);
        rest.Clear();
        payload.CopyTo(rest[(PayloadOffset - SenderOffset)..]);
        _words[FlagsWord] = (uint)payload.Length | (pending ? PendingBit : 0);
        Volatile.Write(ref _words[0], type);
    }
}
