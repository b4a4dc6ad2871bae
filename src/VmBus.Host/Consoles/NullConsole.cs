namespace VmBus.Host.Consoles;

/// <summary>A serial line with nobody at the other end.</summary>
public sealed class NullConsole : IConsole
{
    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
    }

    /// <inheritdoc/>
    public void Start(Action<ReadOnlyMemory<byte>> receiver)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
