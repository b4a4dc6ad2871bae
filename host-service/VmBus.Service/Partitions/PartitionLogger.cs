using Microsoft.Extensions.Logging;

namespace VmBus.Service.Partitions;

/// <summary>A logger whose every line is in the scope of one partition.</summary>
/// <param name="inner">Where the lines go.</param>
/// <param name="partition">The partition's name, the property <c>Partition</c> of each line.</param>
internal sealed class PartitionLogger(ILogger inner, string partition) : ILogger
{
    private readonly KeyValuePair<string, object>[] _scope = [new("Partition", partition)];

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        using IDisposable? scope = inner.BeginScope(_scope);
        inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
