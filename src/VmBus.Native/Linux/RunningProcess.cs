using System.Globalization;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A process, whoever has started it: a handle that never means another process with the same number.</summary>
/// <remarks>Any thread. Needs Linux 5.3. Source: pidfd_open(2), pidfd_send_signal(2), proc_pid_stat(5).</remarks>
public sealed partial class RunningProcess : IDisposable
{
    /// <summary>SIGTERM: it is asked to end.</summary>
    public const int Terminate = 15;

    /// <summary>SIGKILL: it is ended.</summary>
    public const int Kill = 9;

    // The same on x86-64 and arm64.
    private const nint SYS_pidfd_send_signal = 424;
    private const nint SYS_pidfd_open = 434;

    // Fields of /proc/PID/stat behind the command, which is in parentheses and may hold any byte: state is the third of the file, the start the 22nd.
    private const int StartField = 22 - 3;

    private RunningProcess(int processId, ulong startTicks, LinuxFile end)
    {
        ProcessId = processId;
        StartTicks = startTicks;
        End = end;
    }

    /// <summary>Its number.</summary>
    public int ProcessId { get; }

    /// <summary>When it was started, in clock ticks since the host has: with its number, what tells it from every other of this boot.</summary>
    public ulong StartTicks { get; }

    /// <summary>Readable, as poll(2) sees it, when the process has ended.</summary>
    public LinuxFile End { get; }

    /// <summary>Opens a process.</summary>
    /// <param name="processId">Its number.</param>
    /// <returns>Null when there is none.</returns>
    /// <exception cref="LinuxException">The host has no descriptor left, or a kernel without them.</exception>
    public static RunningProcess? TryOpen(int processId)
    {
        nint end = syscall(SYS_pidfd_open, processId, 0, 0, 0);
        if (end < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            return errno is Errno.ESRCH or Errno.EINVAL ? null : throw new LinuxException($"Opening process {processId} failed", errno);
        }

        // The handle is there first: what the file says afterwards is of this process, or of one that took its number when this one had ended.
        var file = new LinuxFile((int)end);
        if (ReadStart(processId) is { } start) return new RunningProcess(processId, start, file);
        file.Dispose();
        return null;
    }

    /// <summary>Sends it a signal.</summary>
    /// <returns>False when it has ended, or is not this user's.</returns>
    public bool TrySignal(int signal)
    {
        bool held = false;
        try
        {
            End.DangerousAddRef(ref held);
            return syscall(SYS_pidfd_send_signal, End.Descriptor, signal, 0, 0) == 0;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        finally
        {
            if (held) End.DangerousRelease();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => End.Dispose();

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"process {ProcessId}");

    private static ulong? ReadStart(int processId)
    {
        try
        {
            string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return ulong.Parse(fields[StartField], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth);
}
