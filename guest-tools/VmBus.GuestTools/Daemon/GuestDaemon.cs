using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Daemon;

/// <summary>Runs services, a thread each, until a signal ends them or none has anything left to do.</summary>
internal static class GuestDaemon
{
    /// <summary>Runs the services.</summary>
    /// <returns>An exit status.</returns>
    public static int Run(IReadOnlyList<IGuestService> services, DaemonLog log)
    {
        using EventFd stop = EventFd.Create();
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        int failures = 0;
        Thread[] threads = [.. services.Select(service => new Thread(() => Serve(service)) { Name = service.Name })];
        foreach (Thread thread in threads) thread.Start();
        ServiceManager.Notify("READY=1");
        foreach (Thread thread in threads) thread.Join();
        ServiceManager.Notify("STOPPING=1");
        return failures > 0 ? ExitStatus.Failure : ExitStatus.Success;

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Signal();
        }

        void Serve(IGuestService service)
        {
            try
            {
                if (!service.Run(stop)) Interlocked.Increment(ref failures);
            }
            catch (Exception e)
            {
                log.Release();
                log.Fail($"{service.Name}: {e.GetType().Name}: {e.Message}");
                // A bug. The process ends, so that systemd starts it again and undoes what was begun (ExecStopPost).
                Environment.Exit(ExitStatus.Failure);
            }
        }
    }
}
