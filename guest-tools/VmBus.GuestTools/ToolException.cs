namespace VmBus.GuestTools;

/// <summary>A command cannot do what it was asked: one line for a person, and the exit status.</summary>
internal sealed class ToolException(string message, int status = ExitStatus.Failure) : Exception(message)
{
    /// <summary>One of <see cref="ExitStatus"/>.</summary>
    public int Status { get; } = status;
}
