using Microsoft.Extensions.Logging;

namespace VmBus.Cli;

/// <summary>Writes log lines of a foreground partition to standard error, one line each.</summary>
internal sealed class StderrLogger(LogLevel minimum) : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum && logLevel != LogLevel.None;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        string detail = exception is null ? "" : $" ({exception.GetType().Name}: {exception.Message})";
        Console.Error.WriteLine($"vmbus: {logLevel switch
        {
            LogLevel.Critical => "fatal",
            LogLevel.Error => "error",
            LogLevel.Warning => "warning",
            _ => logLevel.ToString().ToLowerInvariant(),
        }}: {formatter(state, exception)}{detail}");
        if (exception is not null && logLevel == LogLevel.Critical) Console.Error.WriteLine(exception);
    }
}
