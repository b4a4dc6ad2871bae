using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A pipe, both ends close-on-exec. Source: pipe2(2).</summary>
/// <param name="Reader">Where bytes come out.</param>
/// <param name="Writer">Where they go in.</param>
public sealed partial record DescriptorPipe(LinuxFile Reader, LinuxFile Writer) : IDisposable
{
    private const int O_CLOEXEC = 0x80000;
    private const int O_NONBLOCK = 0x800;

    /// <summary>Makes a pipe for a program that expects its end as it comes: this process's end is non-blocking, and the other is not.</summary>
    /// <param name="readHere">Whether this process reads.</param>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static DescriptorPipe Create(bool readHere)
    {
        Span<int> ends = stackalloc int[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) throw new LinuxException("Making a pipe failed", Marshal.GetLastPInvokeError());
        var pipe = new DescriptorPipe(new LinuxFile(ends[0]), new LinuxFile(ends[1]));
        _ = (readHere ? pipe.Writer : pipe.Reader).EnableBlocking();
        return pipe;
    }

    /// <summary>Closes both ends.</summary>
    public void Dispose()
    {
        Reader.Dispose();
        Writer.Dispose();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(Span<int> ends, int flags);
}
