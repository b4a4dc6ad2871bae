using System.Runtime.InteropServices;
using VmBus.GuestExec;
using VmBus.Native.Linux;

namespace VmBus.GuestExecProgram;

/// <summary>The exec service as a program of its own: <c>vmbus-guest-exec</c>, until SIGTERM or SIGINT.</summary>
internal static class Program
{
    private const int Success = 0;
    private const int Failure = 1;
    private const int BadUsage = 2;

    private static int Main(string[] arguments)
    {
        if (arguments.Length > 0)
        {
            Write("there are no arguments: it runs commands for the host, as 'vmbus exec' sends them, until SIGTERM");
            return BadUsage;
        }

        using EventFd stop = EventFd.Create();
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        try
        {
            ExecServer.Run(new ExecServerOptions { Say = Write, Warn = Write }, stop);
            return Success;
        }
        catch (IOException problem)
        {
            Write(problem.Message);
            return Failure;
        }

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Signal();
        }
    }

    private static void Write(string line) => Console.Error.WriteLine($"vmbus-guest-exec: {line}");
}
