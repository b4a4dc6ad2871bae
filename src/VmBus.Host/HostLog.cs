using Microsoft.Extensions.Logging;
using VmBus.Machine;
using VmBus.Network.Frames;

namespace VmBus.Host;

internal static partial class HostLog
{
    [LoggerMessage(EventId = 6500, Level = LogLevel.Information, Message = "{Partition}: the guest reset by {Source}")]
    internal static partial void GuestReset(ILogger logger, string partition, ResetSource source);

    [LoggerMessage(EventId = 6501, Level = LogLevel.Information, Message = "{Partition}: disk {Lun} is {Disk}, {Bytes} bytes")]
    internal static partial void DiskOpened(ILogger logger, string partition, int lun, string disk, long bytes);

    [LoggerMessage(EventId = 6502, Level = LogLevel.Information, Message = "{Partition}: disk {Lun}, {Disk}, has {Bytes} bytes now")]
    internal static partial void DiskResized(ILogger logger, string partition, int lun, string disk, long bytes);

    [LoggerMessage(EventId = 6503, Level = LogLevel.Information, Message = "{Partition}: disk {Lun}, {Disk}, is removed and closed")]
    internal static partial void DiskClosed(ILogger logger, string partition, int lun, string disk);

    [LoggerMessage(EventId = 6504, Level = LogLevel.Information, Message = "{Partition}: network adapter {Id} is {Link}, {Address}")]
    internal static partial void NetworkAdapterOpened(ILogger logger, string partition, string id, string link, MacAddress address);

    [LoggerMessage(EventId = 6506, Level = LogLevel.Debug, Message = "{Partition}: system calls are filtered; the process {Programs}")]
    internal static partial void Sandboxed(ILogger logger, string partition, string programs);

    [LoggerMessage(EventId = 6507, Level = LogLevel.Warning, Message = "{Partition}: system calls are not filtered ({Problem}); 'vmbus doctor' tells what the host lacks")]
    internal static partial void NotSandboxed(ILogger logger, string partition, string problem);

    [LoggerMessage(EventId = 6508, Level = LogLevel.Warning, Message = "'{What}' was given to this partition and not used: it is closed")]
    internal static partial void NotTaken(ILogger logger, string what);

    [LoggerMessage(EventId = 6509, Level = LogLevel.Warning, Message = "What was given to this partition is not taken: {Problem}")]
    internal static partial void GivenRefused(ILogger logger, string problem);

    [LoggerMessage(EventId = 6510, Level = LogLevel.Information, Message = "{Partition}: the process sees the host's files ({Problem}); 'vmbus doctor' tells what the host lacks")]
    internal static partial void SeesHostFiles(ILogger logger, string partition, string problem);

    [LoggerMessage(EventId = 6505, Level = LogLevel.Information, Message = "{Partition}: network adapter {Id}, {Link}, is removed and closed")]
    internal static partial void NetworkAdapterClosed(ILogger logger, string partition, string id, string link);
}
