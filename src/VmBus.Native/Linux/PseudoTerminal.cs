using System.Runtime.InteropServices;
using System.Text;

namespace VmBus.Native.Linux;

/// <summary>A terminal that this process is the keyboard and screen of. One thread. Source: pty(7), posix_openpt(3), ioctl_tty(2).</summary>
public sealed partial class PseudoTerminal : IDisposable
{
    private const int O_RDWR = 2;
    private const int O_NOCTTY = 0x100;
    private const int O_NONBLOCK = 0x800;
    private const int O_CLOEXEC = 0x80000;
    private const nuint TIOCSWINSZ = 0x5414;
    private const int PathBytes = 64;
    private const uint SameGroup = uint.MaxValue;

    private PseudoTerminal(LinuxFile near, string path)
    {
        Near = near;
        Path = path;
    }

    /// <summary>What is typed goes in here and what is shown comes out; non-blocking. EIO when the last program has closed the terminal.</summary>
    public LinuxFile Near { get; }

    /// <summary>The terminal's path, for the program.</summary>
    public string Path { get; }

    /// <summary>Makes a terminal.</summary>
    /// <param name="owner">The user that it belongs to.</param>
    /// <exception cref="LinuxException">There are as many terminals as may be, or it cannot belong to the user.</exception>
    public static PseudoTerminal Create(uint owner)
    {
        int descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor < 0) throw new LinuxException("Making a terminal failed", Marshal.GetLastPInvokeError());
        var near = new LinuxFile(descriptor);
        Span<byte> name = stackalloc byte[PathBytes];
        if (grantpt(near) < 0 || unlockpt(near) < 0 || ptsname_r(near, name, PathBytes) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            near.Dispose();
            throw new LinuxException("Making a terminal failed", errno);
        }

        string path = Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
        if (chown(path, owner, SameGroup) == 0) return new PseudoTerminal(near, path);
        int reason = Marshal.GetLastPInvokeError();
        near.Dispose();
        throw new LinuxException($"Giving {path} to user {owner} failed", reason);
    }

    /// <summary>Sets the terminal's size; the programs in its foreground get SIGWINCH when it changes.</summary>
    public void Resize(ushort rows, ushort columns)
    {
        Span<ushort> size = [rows, columns, 0, 0];
        _ = ioctl(Near, TIOCSWINSZ, size);
    }

    /// <summary>Takes the terminal away: its session's leader and the programs in its foreground get SIGHUP.</summary>
    public void Dispose() => Near.Dispose();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int posix_openpt(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int grantpt(LinuxFile terminal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unlockpt(LinuxFile terminal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ptsname_r(LinuxFile terminal, Span<byte> name, nuint bytes);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint user, uint group);

    [LibraryImport("libc")]
    private static partial int ioctl(LinuxFile terminal, nuint request, Span<ushort> size);
}
