using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Puts a terminal into raw mode and back: every key goes to the reader, nothing is echoed.</summary>
/// <remarks>Source: termios(3), ioctl_tty(2). The layout is that of glibc on Linux.</remarks>
public sealed partial class TerminalMode : IDisposable
{
    private const int TCSANOW = 0;
    private const uint OPOST = 1;
    private const nuint TIOCGWINSZ = 0x5413;

    private readonly int _descriptor;
    private Termios _saved;
    private bool _restored;

    private TerminalMode(int descriptor, Termios saved)
    {
        _descriptor = descriptor;
        _saved = saved;
    }

    /// <summary>Makes the terminal raw until the result is disposed.</summary>
    /// <param name="descriptor">The terminal.</param>
    /// <param name="rawOutput">Whether output goes to it as it is, as from another terminal, which has ended its lines already; else a line feed also returns the carriage.</param>
    /// <returns>Null when <paramref name="descriptor"/> is no terminal.</returns>
    public static unsafe TerminalMode? TryEnterRaw(int descriptor, bool rawOutput = false)
    {
        Termios state;
        // SAFETY: libc fills and reads a local of the size it knows.
        if (tcgetattr(descriptor, (nint)(&state)) != 0) return null;
        Termios raw = state;
        cfmakeraw((nint)(&raw));
        if (!rawOutput) raw.OutputFlags |= state.OutputFlags & OPOST;
        return tcsetattr(descriptor, TCSANOW, (nint)(&raw)) == 0 ? new TerminalMode(descriptor, state) : null;
    }

    /// <summary>The size of a terminal.</summary>
    /// <returns>Null when <paramref name="descriptor"/> is no terminal.</returns>
    public static (ushort Rows, ushort Columns)? SizeOf(int descriptor)
    {
        // Rows, columns, and two words that nobody sets.
        Span<ushort> size = stackalloc ushort[4];
        return ioctl(descriptor, TIOCGWINSZ, size) < 0 ? null : (size[0], size[1]);
    }

    /// <summary>Puts back what was there.</summary>
    public unsafe void Dispose()
    {
        if (_restored) return;
        _restored = true;
        // SAFETY: libc reads a pinned field of the size it knows.
        fixed (Termios* saved = &_saved) _ = tcsetattr(_descriptor, TCSANOW, (nint)saved);
    }

    [LibraryImport("libc")]
    private static partial int tcgetattr(int descriptor, nint state);

    [LibraryImport("libc")]
    private static partial int tcsetattr(int descriptor, int when, nint state);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(nint state);

    [LibraryImport("libc")]
    private static partial int ioctl(int descriptor, nuint request, Span<ushort> size);

    // struct termios: four flag words, the line discipline, 32 control characters, two speeds.
    [StructLayout(LayoutKind.Sequential)]
    private struct Termios
    {
        public uint InputFlags;
        public uint OutputFlags;
        public uint ControlFlags;
        public uint LocalFlags;
        public byte LineDiscipline;
        public ControlCharacters Characters;
        public uint InputSpeed;
        public uint OutputSpeed;
    }

    [System.Runtime.CompilerServices.InlineArray(32)]
    private struct ControlCharacters
    {
        private byte _first;
    }
}
