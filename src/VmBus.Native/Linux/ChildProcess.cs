using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Sandbox;

namespace VmBus.Native.Linux;

/// <summary>
/// A program that works for this process: it may get a descriptor, what it says last is kept, and it is asked to end (SIGTERM) when this process ends, however
/// that happens.
/// </summary>
/// <remarks>
/// The kernel ties that signal to the thread that made the child, so each child has a thread: it starts the program, reads what it says, and waits
/// for its end. The child begins as <c>setpriv</c>, which asks for the signal, and a shell, which looks whether the parent is still there after that;
/// both become the program. Any thread may use the members. Source: posix_spawn(3), prctl(2) PR_SET_PDEATHSIG, setpriv(1), waitid(2).
/// </remarks>
public sealed partial class ChildProcess : IServingProcess
{
    /// <summary>Where the child finds the first of <see cref="ChildProgram.Descriptors"/>: the first number of systemd's socket activation.</summary>
    public const int GivenDescriptor = 3;

    private const string Launcher = """[ "$PPID" = "$0" ] || exit 0; export LISTEN_PID=$$; exec "$@" """;
    private const int MaximumLines = 4;
    private const int MaximumCharacters = 300;
    private const int O_CLOEXEC = 0x80000;
    private const int O_RDWR = 2;
    private const int SIGKILL = 9;
    private const int P_PID = 1;
    private const int WEXITED_WNOWAIT = 4 | 0x0100_0000;

    // In 64-bit words, more than the C library's siginfo_t has on any architecture.
    private const int SignalWords = 16;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lastWords = new();
    private readonly TaskCompletionSource<int> _started = new();
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ChildProgram _program;
    private readonly Thread _thread;
    private bool _reaped;

    private ChildProcess(ChildProgram program)
    {
        _program = program;
        _thread = new Thread(Live) { Name = program.Name, IsBackground = true };
    }

    /// <summary>Raised once, on the child's thread, when it has ended and its last words are known.</summary>
    public event Action<IServingProcess>? Ended;

    /// <inheritdoc/>
    public int ProcessId { get; private set; }

    /// <inheritdoc/>
    public bool HasEnded => _over.Task.IsCompleted;

    /// <inheritdoc/>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (_gate) return [.. _lastWords];
        }
    }

    /// <summary>Starts a program.</summary>
    /// <returns>Null when it is not installed.</returns>
    /// <exception cref="LinuxException">The host has no room for another process, or no <c>setpriv</c>.</exception>
    public static ChildProcess? TryStart(ChildProgram program)
    {
        if (program.Find() is null) return null;
        if (SystemCallFilter.DeniesPrograms) throw new LinuxException($"Starting {program.Name} failed, as {SystemCallFilter.ProgramCure}", Errno.EPERM);
        var child = new ChildProcess(program);
        child._thread.Start();
        int errno = child._started.Task.GetAwaiter().GetResult();
        return errno == 0 ? child : throw new LinuxException($"Starting {program.Name} failed", errno);
    }

    /// <inheritdoc/>
    public bool WaitForEnd(TimeSpan limit) => _over.Task.Wait(limit);

    /// <inheritdoc/>
    public void Kill()
    {
        lock (_gate)
        {
            // Until its status is taken, its number is nobody else's.
            if (!_reaped) _ = kill(ProcessId, SIGKILL);
        }
    }

    /// <summary>Ends the child, and returns when it has ended. Not for its own thread.</summary>
    public void Dispose()
    {
        Kill();
        _thread.Join();
    }

    private void Live()
    {
        Span<int> pipe = stackalloc int[2];
        int errno = pipe2(pipe, O_CLOEXEC) < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (errno != 0)
        {
            _started.SetResult(errno);
            return;
        }

        using (var said = new StreamReader(new FileStream(new SafeFileHandle(pipe[0], ownsHandle: true), FileAccess.Read, bufferSize: 1)))
        {
            using (var says = new LinuxFile(pipe[1])) errno = Spawn(says);
            _started.SetResult(errno);
            if (errno != 0) return;
            while (said.ReadLine() is { } line) Keep(line);
        }

        Span<ulong> information = stackalloc ulong[SignalWords];
        while (waitid(P_PID, ProcessId, information, WEXITED_WNOWAIT) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR)
        {
        }

        lock (_gate)
        {
            _ = waitpid(ProcessId, 0, 0);
            _reaped = true;
        }

        _over.SetResult();
        Ended?.Invoke(this);
    }

    // The program's output and error output go to the pipe, and its input is empty.
    private int Spawn(LinuxFile says)
    {
        using var spawn = new PosixSpawn();
        spawn.Open(0, "/dev/null", O_RDWR);
        spawn.Copy(says.Descriptor, 1);
        spawn.Copy(says.Descriptor, 2);
        string[] words =
        [
            "setpriv", "--pdeathsig", "TERM", "--", "/bin/sh", "-c", Launcher, Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
            .. _program.Words(),
        ];
        int errno = _program.TryStart(spawn, words, out int id);
        ProcessId = id;
        return errno;
    }

    private void Keep(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || !_program.IsOfInterest(line)) return;
        lock (_gate)
        {
            if (_lastWords.Count == MaximumLines) _lastWords.Dequeue();
            _lastWords.Enqueue(line.Length > MaximumCharacters ? line[..MaximumCharacters] : line);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(Span<int> ends, int flags);

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitid(int kind, int process, Span<ulong> information, int options);

    [LibraryImport("libc")]
    private static partial int waitpid(int process, nint status, int options);
}
