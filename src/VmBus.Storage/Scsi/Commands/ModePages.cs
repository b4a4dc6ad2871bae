using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>The mode pages of a unit. Nothing in them can be changed, so current and default values are the same.</summary>
/// <remarks>Source: SPC-4, 7.5; SBC-3, 6.4; MMC-6, 7; protocol-spec/scsi.md#mode-pages.</remarks>
internal static class ModePages
{
    /// <summary>Asks for all pages.</summary>
    internal const byte All = 0x3F;

    /// <summary>Room for all pages of a unit.</summary>
    internal const int LargestBytes = 256;

    private const byte ErrorRecovery = 0x01;
    private const byte Caching = 0x08;
    private const byte Control = 0x0A;
    private const byte PowerCondition = 0x1A;
    private const byte InformationalExceptions = 0x1C;
    private const byte Timeouts = 0x1D;
    private const byte Capabilities = 0x2A;

    private static ReadOnlySpan<byte> DiskPages => [ErrorRecovery, Caching, Control, InformationalExceptions];

    private static ReadOnlySpan<byte> DvdPages => [ErrorRecovery, PowerCondition, InformationalExceptions, Timeouts, Capabilities];

    /// <summary>Writes one page or all of them.</summary>
    /// <param name="unit">Whose pages.</param>
    /// <param name="page">A page code, or <see cref="All"/>.</param>
    /// <param name="changeable">Write the mask of what can be changed, which is nothing, instead of the values.</param>
    /// <param name="target">Where to; at least <see cref="LargestBytes"/>.</param>
    /// <returns>Bytes written; 0 when the unit has no such page.</returns>
    internal static int Write(LogicalUnit unit, byte page, bool changeable, Span<byte> target)
    {
        int end = 0;
        foreach (byte candidate in unit.Kind == ScsiUnitKind.Dvd ? DvdPages : DiskPages)
        {
            if (page != All && page != candidate) continue;
            Span<byte> body = target[(end + 2)..];
            int length = LengthOf(candidate);
            body[..length].Clear();
            if (!changeable) WriteBody(unit, candidate, body);
            target[end] = candidate;
            target[end + 1] = (byte)length;
            end += length + 2;
        }

        return end;
    }

    private static int LengthOf(byte page) => page switch
    {
        Caching or Capabilities => 0x12,
        _ => 0x0A,
    };

    private static void WriteBody(LogicalUnit unit, byte page, Span<byte> body)
    {
        switch (page)
        {
            case Caching:
                // WCE: what completes may still be in a cache, so guests flush. Told as the disk says, else data is lost with the power.
                if (unit.Traits.WriteCache) body[0] = 0x04;
                break;
            case Control:
                body[1] = 0x10; // Unrestricted reordering: guests that need order wait for completions.
                body[6] = 0xFF; // No limit on how long a busy condition lasts.
                body[7] = 0xFF;
                break;
            case Capabilities:
                body[0] = 0x3B; // Reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM.
                body[4] = 0x29; // Tray that locks and ejects.
                break;
            default:
                break;
        }
    }
}
