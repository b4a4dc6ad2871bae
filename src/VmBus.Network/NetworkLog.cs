using Microsoft.Extensions.Logging;

namespace VmBus.Network;

/// <summary>Log messages of this project, event ids 9000 to 9499.</summary>
internal static partial class NetworkLog
{
    [LoggerMessage(EventId = 9001, Level = LogLevel.Warning, Message = "Network link '{Link}' is down: {Reason}")]
    internal static partial void Down(ILogger logger, string link, string reason);

    [LoggerMessage(EventId = 9002, Level = LogLevel.Information, Message = "Network link '{Link}' is up")]
    internal static partial void Up(ILogger logger, string link);

    [LoggerMessage(EventId = 9003, Level = LogLevel.Warning,
        Message = "Network link '{Link}': the interface's MTU is now {Mtu}; the guest keeps packets of up to {Known} until the partition starts anew")]
    internal static partial void MtuChanged(ILogger logger, string link, int mtu, int known);

    [LoggerMessage(EventId = 9004, Level = LogLevel.Warning, Message = "Network link '{Link}': {Operation} failed: {Reason}")]
    internal static partial void Refused(ILogger logger, string link, string operation, string reason);

    [LoggerMessage(EventId = 9005, Level = LogLevel.Information,
        Message = "Network link '{Link}': '{Interface}' has one queue only, so that one lane serves it; make it with multi_queue for more")]
    internal static partial void OneQueue(ILogger logger, string link, string @interface);

    [LoggerMessage(EventId = 9006, Level = LogLevel.Warning, Message = "Capture '{Path}' ends: {Reason}")]
    internal static partial void CaptureFailed(ILogger logger, string path, string reason);
}
