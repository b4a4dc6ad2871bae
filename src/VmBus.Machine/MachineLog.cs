using Microsoft.Extensions.Logging;

namespace VmBus.Machine;

/// <summary>The machine's log lines: event ids 3000 to 3999. Those that a guest can trigger carry the number held back before them.</summary>
internal static partial class MachineLog
{
    [LoggerMessage(EventId = 3000, Level = LogLevel.Information, Message = "Partition {Name}: {ProcessorCount} processors, {MemoryMiB} MiB")]
    internal static partial void Created(ILogger logger, string name, int processorCount, ulong memoryMiB);

    [LoggerMessage(EventId = 3001, Level = LogLevel.Information, Message = "Partition {Name} ended: {Kind}")]
    internal static partial void Ended(ILogger logger, string name, MachineExitKind kind);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "Partition {Name} failed: {Failure}")]
    internal static partial void Failed(ILogger logger, string name, string failure);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Critical, Message = "Thread {Thread} ended unexpectedly")]
    internal static partial void ThreadDied(ILogger logger, string thread, Exception exception);

    [LoggerMessage(EventId = 3004, Level = LogLevel.Error,
        Message = "The guest reports a crash: {P0:x} {P1:x} {P2:x} {P3:x} {P4:x}, {MessageLength} characters of message (suppressed {Suppressed})")]
    internal static partial void GuestCrashed(ILogger logger, ulong p0, ulong p1, ulong p2, ulong p3, ulong p4, int messageLength, long suppressed);

    [LoggerMessage(EventId = 3005, Level = LogLevel.Warning,
        Message = "Hypercall {Code:x} refused with status {Status} (suppressed {Suppressed})")]
    internal static partial void HypercallRefused(ILogger logger, ushort code, ushort status, long suppressed);

    [LoggerMessage(EventId = 3006, Level = LogLevel.Warning,
        Message = "Processor {Processor} enabled a SynIC page that is not RAM: event {EventPage:x}, message {MessagePage:x} (suppressed {Suppressed})")]
    internal static partial void SynicPageNotRam(ILogger logger, int processor, ulong eventPage, ulong messagePage, long suppressed);

    [LoggerMessage(EventId = 3007, Level = LogLevel.Warning,
        Message = "The guest takes no messages: one dropped with {Waiting} waiting (suppressed {Suppressed})")]
    internal static partial void MessageQueueFull(ILogger logger, int waiting, long suppressed);

    [LoggerMessage(EventId = 3008, Level = LogLevel.Error, Message = "Messages cannot go to processor {Processor}: {Error}")]
    internal static partial void MessageTargetRefused(ILogger logger, int processor, string error);
}
