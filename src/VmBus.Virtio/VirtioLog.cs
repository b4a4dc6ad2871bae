using Microsoft.Extensions.Logging;

namespace VmBus.Virtio;

/// <summary>Log messages of this project, event ids 5700 to 5799.</summary>
internal static partial class VirtioLog
{
    [LoggerMessage(EventId = 5700, Level = LogLevel.Information, Message = "{Socket}: front-end {Number} is connected")]
    internal static partial void Connected(ILogger logger, string socket, int number);

    [LoggerMessage(EventId = 5701, Level = LogLevel.Information, Message = "{Socket}: front-end {Number} has gone")]
    internal static partial void Disconnected(ILogger logger, string socket, int number);

    [LoggerMessage(EventId = 5702, Level = LogLevel.Warning, Message = "{Socket}: front-end {Number} is disconnected: {Problem}")]
    internal static partial void Refused(ILogger logger, string socket, int number, string problem);

    [LoggerMessage(EventId = 5703, Level = LogLevel.Warning, Message = "{Device}: queue {Queue} is stopped until its driver sets it up anew: {Problem}")]
    internal static partial void QueueBroken(ILogger logger, string device, int queue, string problem);

    [LoggerMessage(EventId = 5704, Level = LogLevel.Debug, Message = "{Socket}: front-end {Number} sends {Request}, {Bytes} bytes")]
    internal static partial void Message(ILogger logger, string socket, int number, Protocol.VhostUser.VhostUserRequest request, int bytes);

    [LoggerMessage(EventId = 5705, Level = LogLevel.Information, Message = "{Socket}: queue {Queue} runs: {Size} entries from {Base}, {Recovered} requests taken up again")]
    internal static partial void QueueStarted(ILogger logger, string socket, int queue, int size, uint @base, int recovered);

    [LoggerMessage(EventId = 5706, Level = LogLevel.Warning, Message = "{Socket}: no connection taken: {Reason}")]
    internal static partial void NotAccepted(ILogger logger, string socket, string reason);

    [LoggerMessage(
        EventId = 5707,
        Level = LogLevel.Warning,
        Message = "{Socket}: front-end {Number} shares memory that it could shorten, which would end this process: trust it, or give it memory that can be sealed "
            + "(QEMU: memory-backend-memfd)")]
    internal static partial void MayShrink(ILogger logger, string socket, int number);

    [LoggerMessage(EventId = 5708, Level = LogLevel.Error, Message = "Disk '{Disk}': its back-end has gone; from now on the guest gets I/O errors from this disk")]
    internal static partial void BackEndLost(ILogger logger, string disk);

    [LoggerMessage(
        EventId = 5709,
        Level = LogLevel.Warning,
        Message = "Disk '{Disk}': its back-end has gone; what the guest asks of this disk waits until there is one again, which is looked for every {Seconds} s")]
    internal static partial void BackEndAway(ILogger logger, string disk, double seconds);

    [LoggerMessage(EventId = 5710, Level = LogLevel.Information, Message = "Disk '{Disk}': there is a back-end again; what was under way is asked for again")]
    internal static partial void BackEndReturned(ILogger logger, string disk);

    [LoggerMessage(EventId = 5711, Level = LogLevel.Warning, Message = "{Problem}")]
    internal static partial void BackEndRefused(ILogger logger, string problem);

    [LoggerMessage(EventId = 5712, Level = LogLevel.Error, Message = "Disk '{Disk}': its back-end is disconnected, as it gives back {What}")]
    internal static partial void BackEndBroken(ILogger logger, string disk, string what);

    [LoggerMessage(EventId = 5713, Level = LogLevel.Debug, Message = "Sockets: no connection to {Service}: {Reason}")]
    internal static partial void SocketRefused(ILogger logger, Guid service, string reason);

    [LoggerMessage(
        EventId = 5714,
        Level = LogLevel.Warning,
        Message = "Network adapter '{Adapter}': its back-end has gone; the link is down until there is one again, which is looked for every {Seconds} s")]
    internal static partial void LinkAway(ILogger logger, string adapter, double seconds);

    [LoggerMessage(EventId = 5715, Level = LogLevel.Information, Message = "Network adapter '{Adapter}': there is a back-end again; the link is up")]
    internal static partial void LinkReturned(ILogger logger, string adapter);

    [LoggerMessage(EventId = 5716, Level = LogLevel.Error, Message = "Network adapter '{Adapter}': its back-end is disconnected, as it gives back buffers that it does not have")]
    internal static partial void LinkBroken(ILogger logger, string adapter);
}
