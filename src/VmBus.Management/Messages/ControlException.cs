namespace VmBus.Management.Messages;

/// <summary>A request, or the connection itself, has failed: a code for programs and a line for people.</summary>
/// <param name="code">The code.</param>
/// <param name="message">What, which value, what to do; line ends in it become spaces.</param>
/// <param name="inner">What it comes from.</param>
public sealed class ControlException(ControlErrorCode code, string message, Exception? inner = null) : IOException(message.ReplaceLineEndings(" "), inner)
{
    /// <summary>The code.</summary>
    public ControlErrorCode Code { get; } = code;
}
