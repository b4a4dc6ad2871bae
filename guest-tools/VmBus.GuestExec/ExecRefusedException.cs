using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>A command cannot be started. The message is for people at the host: what, which value.</summary>
/// <param name="code">For programs at the host.</param>
/// <param name="message">The message.</param>
internal sealed class ExecRefusedException(ExecErrorCode code, string message) : Exception(message)
{
    /// <summary>For programs at the host.</summary>
    public ExecErrorCode Code { get; } = code;
}
