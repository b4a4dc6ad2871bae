using System.Diagnostics;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>The counters of one channel: its lane writes, any thread reads.</summary>
internal sealed class ChannelCounters
{
    private long _commands;
    private long _failedCommands;
    private long _refusedRequests;
    private long _bytesRead;
    private long _bytesWritten;
    private long _queueFull;
    private long _ringFull;
    private long _resets;
    private long _notices;
    private long _ended;
    private long _endedTicks;
    private int _inFlight;

    public int InFlight => _inFlight;

    public void CommandStarted(StorageRequest command)
    {
        command.Started = Stopwatch.GetTimestamp();
        _commands++;
        _inFlight++;
    }

    public void CommandEnded(StorageRequest command)
    {
        _inFlight--;
        _ended++;
        _endedTicks += Stopwatch.GetTimestamp() - command.Started;
        if (command.Status != ScsiStatus.Good) _failedCommands++;
        if (command.Direction == ScsiDirection.Read) _bytesRead += command.Transferred;
        if (command.Direction == ScsiDirection.Write) _bytesWritten += command.Transferred;
    }

    public void RequestRefused() => _refusedRequests++;

    public void QueueWasFull() => _queueFull++;

    public void RingWasFull() => _ringFull++;

    public void ResetStarted() => _resets++;

    public void NoticeSent() => _notices++;

    public StorageCounters Read(bool open) => new()
    {
        Commands = Volatile.Read(ref _commands),
        FailedCommands = Volatile.Read(ref _failedCommands),
        RefusedRequests = Volatile.Read(ref _refusedRequests),
        BytesRead = Volatile.Read(ref _bytesRead),
        BytesWritten = Volatile.Read(ref _bytesWritten),
        QueueFull = Volatile.Read(ref _queueFull),
        RingFull = Volatile.Read(ref _ringFull),
        Resets = Volatile.Read(ref _resets),
        Notices = Volatile.Read(ref _notices),
        Ended = Volatile.Read(ref _ended),
        EndedSum = Stopwatch.GetElapsedTime(0, Volatile.Read(ref _endedTicks)),
        InFlight = open ? Volatile.Read(ref _inFlight) : 0,
        OpenChannels = open ? 1 : 0,
    };
}
