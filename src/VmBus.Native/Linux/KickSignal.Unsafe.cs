using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>The signal that takes a vCPU thread out of KVM_RUN.</summary>
/// <remarks>
/// The .NET runtime owns SIGRTMIN (34) and leaves 35 to 64 free. The handler is libc's <c>abs</c>: a function that touches nothing but its
/// argument, so no managed code ever runs in signal context. Source: sigaction(2), tgkill(2), signal(7).
/// </remarks>
internal static unsafe partial class KickSignal
{
    private const int Number = 40;
    private const int SA_RESTART = 0x10000000;

    private static readonly Lock Gate = new();
    private static bool _installed;

    /// <summary>The kernel's id of the calling thread.</summary>
    internal static int CurrentThreadId => gettid();

    /// <summary>Gives the signal its handler, once per process: without one its default action ends the process.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal static void Install()
    {
        lock (Gate)
        {
            if (_installed) return;
            nint libc = NativeLibrary.Load("libc.so.6");
            var action = new SignalAction { Handler = NativeLibrary.GetExport(libc, "abs"), Flags = SA_RESTART };
            // SAFETY: the structure is glibc's for x86-64 and lives for the call; the handler stays mapped because libc is never unloaded.
            if (sigaction(Number, &action, null) != 0)
                throw new LinuxException($"Installing the handler of signal {Number} failed", Marshal.GetLastPInvokeError());
            _installed = true;
        }
    }

    /// <summary>Interrupts the system call a thread of this process is in. A thread that has ended is no error.</summary>
    internal static void Send(int threadId) => _ = tgkill(Environment.ProcessId, threadId, Number);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigaction(int signal, SignalAction* action, SignalAction* previous);

    [LibraryImport("libc")]
    private static partial int tgkill(int process, int thread, int signal);

    [LibraryImport("libc")]
    private static partial int gettid();

    // glibc's struct sigaction on x86-64: handler, 1024 bits of mask, flags, restorer.
    [StructLayout(LayoutKind.Sequential)]
    private struct SignalAction
    {
        public nint Handler;
        public SignalMask Mask;
        public int Flags;
        public nint Restorer;
    }

    [InlineArray(16)]
    private struct SignalMask
    {
        private ulong _first;
    }
}
