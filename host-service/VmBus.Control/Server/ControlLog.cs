using Microsoft.Extensions.Logging;

namespace VmBus.Control.Server;

/// <summary>Every log message of the control server. Event ids 6000 to 6099.</summary>
internal static partial class ControlLog
{
    [LoggerMessage(EventId = 6000, Level = LogLevel.Information, Message = "Control socket {Path} is open.")]
    internal static partial void Listening(ILogger logger, string path);

    [LoggerMessage(EventId = 6001, Level = LogLevel.Debug, Message = "Control: process {Process} of user {User} has connected.")]
    internal static partial void Connected(ILogger logger, int process, uint user);

    [LoggerMessage(EventId = 6002, Level = LogLevel.Warning, Message = "Control: process {Process} of user {User} is neither the owner's nor root's, nor in the group: refused.")]
    internal static partial void PeerRefused(ILogger logger, int process, uint user);

    [LoggerMessage(EventId = 6003, Level = LogLevel.Debug, Message = "Control: there are {Count} connections already, and one more is refused.")]
    internal static partial void TooManyConnections(ILogger logger, int count);

    [LoggerMessage(EventId = 6004, Level = LogLevel.Debug, Message = "Control: {Verb} was refused: {Reason}")]
    internal static partial void VerbRefused(ILogger logger, string verb, string reason);

    [LoggerMessage(EventId = 6005, Level = LogLevel.Error, Message = "Control: {Verb} has failed in a way that it should not.")]
    internal static partial void VerbFailed(ILogger logger, string verb, Exception exception);

    [LoggerMessage(EventId = 6006, Level = LogLevel.Warning, Message = "Control: a connection cannot be taken: {Reason}")]
    internal static partial void AcceptFailed(ILogger logger, string reason);
}
