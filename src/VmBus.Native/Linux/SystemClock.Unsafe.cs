using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>The system's clock, and how far another clock is from it. Offsets are that clock less the system's. Calls never throw.</summary>
/// <remarks>Source: linux/ptp_clock.h (PTP_SYS_OFFSET), adjtimex(2), linux/timex.h.</remarks>
public static partial class SystemClock
{
    /// <summary>Time constant of <see cref="Slew"/>: with 4 a sixty-fourth of what is left goes each second, which suits a correction every 16 s.</summary>
    public const int SlewConstant = 4;

    private const nuint PTP_SYS_OFFSET = 0x43403d05;
    private const int Samples = 9;
    private const int OffsetWords = 2 + ((2 * 25 + 1) * 2);    // the structure of 832 bytes in 64-bit words
    private const uint ADJ_OFFSET = 0x0001;
    private const uint ADJ_MAXERROR = 0x0004;
    private const uint ADJ_ESTERROR = 0x0008;
    private const uint ADJ_STATUS = 0x0010;
    private const uint ADJ_TIMECONST = 0x0020;
    private const uint ADJ_SETOFFSET = 0x0100;
    private const uint ADJ_NANO = 0x2000;
    private const int STA_PLL = 0x0001;
    private const long BillionNanoseconds = 1_000_000_000;

    /// <summary>Compares a PTP clock with the system's several times, and takes the comparison that took the kernel least time.</summary>
    /// <param name="clock">The clock's device.</param>
    /// <param name="offsetNanoseconds">How far the clock is ahead of the system's.</param>
    /// <returns>0, or negative errno.</returns>
    public static unsafe int ReadOffset(LinuxFile clock, out long offsetNanoseconds)
    {
        offsetNanoseconds = 0;
        long* words = stackalloc long[OffsetWords];
        new Span<long>(words, OffsetWords).Clear();
        words[0] = Samples;
        // SAFETY: the kernel reads and writes the one structure, for which the local array has room.
        if (ioctl(clock, PTP_SYS_OFFSET, (nint)words) < 0) return -Marshal.GetLastPInvokeError();
        // After 16 bytes of header: system, clock, system, clock, … system; each seconds (64 bits) and nanoseconds (32 bits).
        long shortest = long.MaxValue;
        for (int sample = 0; sample < Samples; sample++)
        {
            long* entry = words + 2 + (sample * 4);
            (long system, long other, long after) = (Total(entry, 0, entry[0]), Total(entry, 1, entry[0]), Total(entry, 2, entry[0]));
            if (after - system >= shortest) continue;
            shortest = after - system;
            offsetNanoseconds = other - system - (shortest / 2);
        }

        return 0;

        // Relative to a second near all of them; a clock that is centuries off does not overflow.
        static long Total(long* entry, int index, long second)
            => (Math.Clamp(entry[index * 2] - second, -9_000_000_000, 9_000_000_000) * BillionNanoseconds) + (uint)entry[(index * 2) + 1];
    }

    /// <summary>Sets the system's clock forward, or back, at once.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int Step(long nanoseconds)
    {
        long seconds = Math.DivRem(nanoseconds, BillionNanoseconds, out long rest);
        if (rest < 0) (seconds, rest) = (seconds - 1, rest + BillionNanoseconds);
        var change = new Timex { modes = ADJ_SETOFFSET | ADJ_NANO, seconds = seconds, fraction = rest };
        return Adjust(ref change);
    }

    /// <summary>Has the kernel work an offset of at most half a second off gradually, and learn the clock's own error from it.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int Slew(long nanoseconds)
    {
        var change = new Timex
        {
            modes = ADJ_OFFSET | ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST | ADJ_MAXERROR | ADJ_ESTERROR,
            offset = nanoseconds,
            status = STA_PLL,
            constant = SlewConstant,
            maxerror = Math.Abs(nanoseconds / 1000),
            esterror = Math.Abs(nanoseconds / 1000),
        };
        return Adjust(ref change);
    }

    private static int Adjust(ref Timex change) => adjtimex(ref change) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(LinuxFile file, nuint request, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int adjtimex(ref Timex change);

    // Source: sys/timex.h, 64-bit; the padding is the C structure's own.
    [StructLayout(LayoutKind.Sequential, Size = 208)]
    private struct Timex
    {
        public uint modes;
        public long offset;
        public long freq;
        public long maxerror;
        public long esterror;
        public int status;
        public long constant;
        public long precision;
        public long tolerance;
        public long seconds;
        public long fraction;
        public long tick;
    }
}
