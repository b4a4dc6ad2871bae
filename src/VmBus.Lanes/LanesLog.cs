using Microsoft.Extensions.Logging;

namespace VmBus.Lanes;

/// <summary>Log messages of this project, event ids 8000 to 8999.</summary>
internal static partial class LanesLog
{
    [LoggerMessage(EventId = 8001, Level = LogLevel.Debug, Message = "Lane {Lane} runs on {Engine}")]
    internal static partial void Started(ILogger logger, string lane, string engine);

    [LoggerMessage(EventId = 8002, Level = LogLevel.Warning,
        Message = "Lane {Lane}: io_uring is not available ({Reason}); disk I/O goes through blocking threads and will be slower")]
    internal static partial void NoIoUring(ILogger logger, string lane, string reason);

    [LoggerMessage(EventId = 8003, Level = LogLevel.Critical, Message = "Lane {Lane} failed; the process ends")]
    internal static partial void Failed(ILogger logger, Exception exception, string lane);
}
