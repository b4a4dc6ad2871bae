using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Puts a terminal into raw mode and back: every key goes to the reader, nothing is echoed, output is still processed.</summary>
/// <remarks>Source: termios(3). The layout is that of glibc on Linux.</remarks>
public sealed partial class TerminalMode : IDisposable
{
    private const int TCSANOW = 0;
    private const uint OPOST = 1;

    private readonly int _descriptor;
    private Termios _saved;
    private bool _restored;

    private TerminalMode(int descriptor, Termios saved)
    {
        _descriptor = descriptor;
        _saved = saved;
    }

    /// <summary>Makes the terminal raw until the result is disposed.</summary>
    /// <returns>Null when <paramref name="descriptor"/> is no terminal.</returns>
    public static unsafe TerminalMode? TryEnterRaw(int descriptor)
    {
        Termios state;
        // SAFETY: libc fills and reads a local of the size it knows.
        if (tcgetattr(descriptor, (nint)(&state)) != 0) return null;
        Termios raw = state;
        cfmakeraw((nint)(&raw));
        raw.OutputFlags |= state.OutputFlags & OPOST;
        return tcsetattr(descriptor, TCSANOW, (nint)(&raw)) == 0 ? new TerminalMode(descriptor, state) : null;
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
