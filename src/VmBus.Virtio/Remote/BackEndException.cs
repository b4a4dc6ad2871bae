namespace VmBus.Virtio.Remote;

/// <summary>A back-end cannot be used, or has gone. The message is one line for people: which, why, what to do.</summary>
/// <param name="message">The line.</param>
public sealed class BackEndException(string message) : IOException(message)
{
    /// <summary>Nobody is there to be talked to, who may come.</summary>
    internal bool IsAbsent { get; init; }
}
