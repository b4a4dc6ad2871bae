using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>
/// A program that serves whoever has the other end of what it was given, whether or not that is the process which has started it: it outlives this process, and ends by
/// itself when nobody is there any more.
/// </summary>
/// <remarks>
/// Known by a descriptor of the process (pidfd), which can be passed on, and watched by it. What the program says goes to this process's error output. Any thread may use the
/// members. Needs Linux 5.4. Source: posix_spawn(3), pidfd_open(2), pidfd_send_signal(2), waitid(2).
/// </remarks>
public sealed partial class LastingProcess : IServingProcess
{
    private const string Launcher = """export LISTEN_PID=$$; exec "$@" """;
    private const int StandardError = 2;
    private const int MaximumLines = 4;
    private const int MaximumBytes = 4096;
    private const int MaximumCharacters = 300;
    private const int O_RDWR = 2;
    private const int SIGKILL = 9;
    private const int P_PIDFD = 3;
    private const int WEXITED_WNOHANG = 4 | 1;

    // In 64-bit words, more than the C library's siginfo_t has on any architecture.
    private const int SignalWords = 16;

    // The same on x86-64 and arm64.
    private const nint SYS_pidfd_send_signal = 424;
    private const nint SYS_pidfd_open = 434;

    private readonly LinuxFile _process;
    private readonly EventFd _stop = EventFd.Create();
    private readonly Lock _gate = new();
    private readonly ChildProgram? _program;
    private readonly long _saidBefore;
    private Thread? _watch;
    private Action<IServingProcess>? _ended;
    private bool _disposed;

    private LastingProcess(LinuxFile process, ChildProgram? program, long saidBefore)
    {
        _process = process;
        _program = program;
        _saidBefore = saidBefore;
        ProcessId = NumberOf(process);
    }

    /// <inheritdoc/>
    public event Action<IServingProcess>? Ended
    {
        add
        {
            lock (_gate)
            {
                _ended += value;
                if (_watch is not null || _disposed) return;
                _watch = new Thread(Watch, maxStackSize: 256 * 1024) { Name = "serving-process", IsBackground = true };
                _watch.Start();
            }
        }

        remove
        {
            lock (_gate) _ended -= value;
        }
    }

    /// <inheritdoc/>
    public int ProcessId { get; }

    /// <summary>The process as a descriptor (pidfd), which others can watch it by; it stays this object's.</summary>
    public LinuxFile Handle => _process;

    /// <inheritdoc/>
    public bool HasEnded => WaitForEnd(TimeSpan.Zero);

    /// <inheritdoc/>
    public IReadOnlyList<string> LastWords => _program is null ? [] : [.. ReadNewWords().Where(_program.IsOfInterest).TakeLast(MaximumLines)];

    /// <summary>Starts a program, in a session of its own.</summary>
    /// <returns>Null when it is not installed.</returns>
    /// <exception cref="LinuxException">The host has no room for another process.</exception>
    public static LastingProcess? TryStart(ChildProgram program)
    {
        if (program.Find() is null) return null;
        long said = SizeOfErrorOutput() ?? 0;
        using var spawn = new PosixSpawn(newSession: true);
        spawn.Open(0, "/dev/null", O_RDWR);
        spawn.Copy(StandardError, 1);
        int errno = program.TryStart(spawn, ["/bin/sh", "-c", Launcher, "sh", .. program.Words()], out int id);
        if (errno != 0) throw new LinuxException($"Starting {program.Name} failed", errno);

        // Its number is nobody else's until it is waited for.
        nint process = syscall(SYS_pidfd_open, id, 0, 0, 0);
        if (process < 0)
        {
            errno = Marshal.GetLastPInvokeError();
            _ = kill(id, SIGKILL);
            throw new LinuxException($"Watching {program.Name} failed", errno);
        }

        return new LastingProcess(new LinuxFile((int)process), program, said);
    }

    /// <summary>Takes over the descriptor of a process that another has started.</summary>
    public static LastingProcess Take(LinuxFile process) => new(process, null, 0);

    /// <inheritdoc/>
    public bool WaitForEnd(TimeSpan limit) => DescriptorIo.WaitForInput(_process.Descriptor, _stop, limit).Readable;

    /// <inheritdoc/>
    public void Kill() => _ = syscall(SYS_pidfd_send_signal, _process.Descriptor, SIGKILL, 0, 0);

    /// <summary>Watches it no longer; it goes on, if it has not ended.</summary>
    public void Dispose()
    {
        Thread? watch;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            watch = _watch;
        }

        _stop.Signal();
        // Whoever is told of the end may be the one who disposes.
        if (watch != Thread.CurrentThread) watch?.Join();
        Reap();
        _process.Dispose();
        _stop.Dispose();
    }

    private void Watch()
    {
        if (DescriptorIo.WaitForInput(_process.Descriptor, _stop, Timeout.InfiniteTimeSpan).Woken) return;
        Reap();
        Action<IServingProcess>? ended;
        lock (_gate) ended = _ended;
        ended?.Invoke(this);
    }

    // Whoever its parent is waits for it when it has ended, else its number stays taken. One that this process's image before has started is its child all the same.
    private void Reap()
    {
        Span<ulong> information = stackalloc ulong[SignalWords];
        _ = waitid(P_PIDFD, _process.Descriptor, information, WEXITED_WNOHANG);
    }

    // What has been said since the start, where the error output is a file; else it is elsewhere.
    private List<string> ReadNewWords()
    {
        if (SizeOfErrorOutput() is not { } size || size <= _saidBefore) return [];
        try
        {
            using FileStream file = new(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{StandardError}"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
            byte[] bytes = new byte[Math.Min(size - _saidBefore, MaximumBytes)];
            file.Position = size - bytes.Length;
            int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return [.. Encoding.UTF8.GetString(bytes.AsSpan(0, read)).Split('\n').Where(static line => !string.IsNullOrWhiteSpace(line))
                .Select(static line => line.Length > MaximumCharacters ? line[..MaximumCharacters] : line)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long? SizeOfErrorOutput()
    {
        using var output = new SafeFileHandle(StandardError, ownsHandle: false);
        return FileStatus.TryRead(output, out FileStatus status) == 0 && status.Kind == FileKind.Regular ? status.Bytes : null;
    }

    // 0 where there is no /proc.
    private static int NumberOf(LinuxFile process)
    {
        try
        {
            string line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{process.Descriptor}")).FirstOrDefault(static line => line.StartsWith("Pid:", StringComparison.Ordinal)) ?? "";
            return int.TryParse(line["Pid:".Length..], NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out int number) ? number : 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            return 0;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc")]
    private static partial int waitid(int kind, int process, Span<ulong> information, int options);

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
