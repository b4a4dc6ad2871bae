using Microsoft.Extensions.Logging;

namespace VmBus.Storage;

/// <summary>Log messages of this project, event ids 5500 to 5999.</summary>
internal static partial class StorageLog
{
    [LoggerMessage(EventId = 5501, Level = LogLevel.Warning,
        Message = "Disk '{Path}' cannot be locked against a second writer ({Reason}): see to it that nothing else writes it")]
    internal static partial void NoLocks(ILogger logger, string path, string reason);

    [LoggerMessage(EventId = 5502, Level = LogLevel.Error,
        Message = "Disk '{Path}': its qemu-nbd (process {ProcessId}) ended ({Words}); from now on the guest gets I/O errors from this disk")]
    internal static partial void ServerLost(ILogger logger, string path, int processId, string words);
}
