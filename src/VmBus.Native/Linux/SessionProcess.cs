using System.Globalization;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A program that leads a session of its own, so that signals reach all that it starts and does not move away.</summary>
/// <remarks>One thread, except <see cref="TrySignal"/>. Needs Linux 5.3. Source: posix_spawn(3), setsid(2), pidfd_open(2), waitpid(2), kill(2).</remarks>
public sealed partial class SessionProcess : IDisposable
{
    private const int O_RDWR = 2;
    private const nint SYS_pidfd_open = 434;
    private const int SIGKILL = 9;

    private readonly Lock _gate = new();
    private bool _reaped;

    private SessionProcess(int processId, LinuxFile end)
    {
        ProcessId = processId;
        End = end;
    }

    /// <summary>Its process id, which is also that of its process group and session.</summary>
    public int ProcessId { get; }

    /// <summary>Readable, as poll(2) sees it, when the program has ended.</summary>
    public LinuxFile End { get; }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Which, and with what.</param>
    /// <param name="errno">Why not: that of opening the terminal, of entering the folder, or of execve(2).</param>
    /// <returns>Null when it does not start.</returns>
    public static SessionProcess? TryStart(SessionProgram program, out int errno)
    {
        using var spawn = new PosixSpawn(newSession: true);
        if (program.Terminal is { } terminal)
        {
            spawn.Open(0, terminal, O_RDWR);
            spawn.Copy(0, 1);
            spawn.Copy(0, 2);
        }
        else
        {
            Give(spawn, program.Input, 0);
            Give(spawn, program.Output, 1);
            Give(spawn, program.ErrorOutput, 2);
        }

        spawn.Enter(program.Folder);
        errno = spawn.TryStart(program.Path, program.Arguments, program.Variables, out int id);
        if (errno != 0) return null;
        nint end = syscall(SYS_pidfd_open, id, 0, 0);
        if (end >= 0) return new SessionProcess(id, new LinuxFile((int)end));
        errno = Marshal.GetLastPInvokeError();
        _ = kill(-id, SIGKILL);
        _ = Wait(id);
        return null;
    }

    /// <summary>Sends a signal to the process group that the program leads.</summary>
    /// <returns>False when the program has been waited for: then its number may be another's.</returns>
    public bool TrySignal(int signal)
    {
        lock (_gate) return !_reaped && kill(-ProcessId, signal) == 0;
    }

    /// <summary>Waits for the program's end, which <see cref="End"/> tells of. Once.</summary>
    /// <returns>Its exit status, and 0; or 0, and the number of the signal that ended it.</returns>
    public (int Status, int Signal) Reap()
    {
        lock (_gate)
        {
            int status = Wait(ProcessId);
            _reaped = true;
            return ((status >> 8) & 0xFF, status & 0x7F);
        }
    }

    /// <summary>Ends the program and its group at once, if it has not been waited for, and waits for it.</summary>
    public void Dispose()
    {
        if (TrySignal(SIGKILL)) _ = Reap();
        End.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"process {ProcessId}");

    private static void Give(PosixSpawn spawn, LinuxFile? file, int number)
    {
        if (file is null) spawn.Open(number, "/dev/null", O_RDWR);
        else spawn.Copy(file.Descriptor, number);
    }

    private static int Wait(int id)
    {
        int status = 0;
        while (waitpid(id, ref status, 0) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR)
        {
        }

        return status;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int process, ref int status, int options);

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
