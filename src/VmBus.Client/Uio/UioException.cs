namespace VmBus.Client.Uio;

/// <summary>A device of this guest cannot be served from user space. The message says why and what to do, on one line.</summary>
public sealed class UioException : Exception
{
    /// <summary>Says why.</summary>
    public UioException(string message)
        : base(message)
    {
    }
}
