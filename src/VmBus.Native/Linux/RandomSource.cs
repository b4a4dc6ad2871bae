using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>The kernel's random numbers.</summary>
/// <remarks>Any thread. Source: getrandom(2).</remarks>
public static partial class RandomSource
{
    /// <summary>Fills a buffer. Waits only early in the host's boot.</summary>
    /// <exception cref="LinuxException">The kernel has none.</exception>
    public static void Fill(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            nint bytes = getrandom(destination, (nuint)destination.Length, 0);
            int errno = Marshal.GetLastPInvokeError();
            if (bytes < 0 && errno != Errno.EINTR) throw new LinuxException("Reading random numbers failed", errno);
            if (bytes > 0) destination = destination[(int)bytes..];
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint getrandom(Span<byte> buffer, nuint bytes, uint flags);
}
