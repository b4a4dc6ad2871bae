using Microsoft.Extensions.Logging;

namespace VmBus.Service;

/// <summary>Every log message of the service. Event ids 7000 to 7099.</summary>
internal static partial class ServiceLog
{
    [LoggerMessage(EventId = 7000, Level = LogLevel.Information, Message = "Serving on {Socket}; definitions in {Definitions}.")]
    internal static partial void Serving(ILogger logger, string socket, string definitions);

    [LoggerMessage(EventId = 7001, Level = LogLevel.Warning, Message = "No definition: {Problem}")]
    internal static partial void BadDefinition(ILogger logger, string problem);

    [LoggerMessage(EventId = 7002, Level = LogLevel.Information, Message = "Runs in process {Process}.")]
    internal static partial void Running(ILogger logger, int process);

    [LoggerMessage(EventId = 7003, Level = LogLevel.Information, Message = "Has ended: {Reason}{Detail}.")]
    internal static partial void Ended(ILogger logger, string reason, string detail);

    [LoggerMessage(EventId = 7004, Level = LogLevel.Error, Message = "Has ended unasked: {Reason}{Detail}.")]
    internal static partial void EndedUnasked(ILogger logger, string reason, string detail);

    [LoggerMessage(EventId = 7005, Level = LogLevel.Warning, Message = "Is started again in {Seconds} s, as its definition says (restart: {Policy}).")]
    internal static partial void Restarting(ILogger logger, double seconds, string policy);

    [LoggerMessage(EventId = 7006, Level = LogLevel.Information, Message = "Found running in process {Process}.")]
    internal static partial void Found(ILogger logger, int process);

    [LoggerMessage(EventId = 7007, Level = LogLevel.Information, Message = "{Line}")]
    internal static partial void WorkerSaid(ILogger logger, string line);

    [LoggerMessage(EventId = 7008, Level = LogLevel.Error, Message = "Does not start: {Reason}")]
    internal static partial void StartFailed(ILogger logger, string reason);

    [LoggerMessage(EventId = 7009, Level = LogLevel.Warning, Message = "Does not end within {Seconds} s of its time: killed.")]
    internal static partial void Killed(ILogger logger, double seconds);

    [LoggerMessage(EventId = 7010, Level = LogLevel.Information, Message = "Definitions read: {Count} partitions.")]
    internal static partial void Read(ILogger logger, int count);

    [LoggerMessage(EventId = 7011, Level = LogLevel.Warning, Message = "Changes of {Definitions} are not noticed: {Reason} 'vmbus reload' reads them.")]
    internal static partial void NotNoticed(ILogger logger, string definitions, string reason);

    [LoggerMessage(EventId = 7012, Level = LogLevel.Warning, Message = "Runs, but its control socket does not answer: {Reason}")]
    internal static partial void NoAnswer(ILogger logger, string reason);

    [LoggerMessage(EventId = 7013, Level = LogLevel.Information, Message = "The service ends; {Count} partitions run on.")]
    internal static partial void Leaving(ILogger logger, int count);

    [LoggerMessage(EventId = 7014, Level = LogLevel.Error, Message = "A task of the service has failed in a way that it should not.")]
    internal static partial void TaskFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 7015, Level = LogLevel.Warning, Message = "The definitions cannot be read: {Reason}")]
    internal static partial void Unreadable(ILogger logger, string reason);

    [LoggerMessage(EventId = 7019, Level = LogLevel.Warning, Message = "Workers stay root, with few capabilities: {Reason}.")]
    internal static partial void WorkersStayRoot(ILogger logger, string reason);

    [LoggerMessage(EventId = 7017, Level = LogLevel.Information, Message = "The network link '{Link}' was opened again.")]
    internal static partial void LinkRenewed(ILogger logger, string link);

    [LoggerMessage(EventId = 7018, Level = LogLevel.Warning, Message = "The network link '{Link}' cannot be opened again: {Reason}")]
    internal static partial void LinkNotRenewed(ILogger logger, string link, string reason);

    [LoggerMessage(EventId = 7016, Level = LogLevel.Information, Message = "Serving metrics and the dashboard on {Place}.")]
    internal static partial void ServingHttp(ILogger logger, string place);
}
