using VmBus.GuestExec;
using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Exec;

/// <summary>Commands that the host runs here, over a Hyper-V socket. Source: protocol-spec/exec.md.</summary>
internal sealed class ExecService(DaemonLog log) : IGuestService
{
    /// <inheritdoc/>
    public string Name => "exec";

    /// <inheritdoc/>
    public bool Run(EventFd stop)
    {
        try
        {
            ExecServer.Run(new ExecServerOptions { Say = log.Say, Warn = log.Warn }, stop);
            return true;
        }
        catch (IOException problem)
        {
            log.Fail($"{Name}: {problem.Message}");
            return false;
        }
    }
}
