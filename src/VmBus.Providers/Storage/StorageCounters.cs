namespace VmBus.Providers.Storage;

/// <summary>What a storage controller has done since it was made, over all its channels.</summary>
public readonly record struct StorageCounters
{
    /// <summary>SCSI commands that were started.</summary>
    public long Commands { get; init; }

    /// <summary>Commands that ended with a status other than GOOD.</summary>
    public long FailedCommands { get; init; }

    /// <summary>Packets that no command could be made of, or that did not fit the state; each was answered with an error.</summary>
    public long RefusedRequests { get; init; }

    /// <summary>Bytes moved from devices to the guest.</summary>
    public long BytesRead { get; init; }

    /// <summary>Bytes moved from the guest to devices.</summary>
    public long BytesWritten { get; init; }

    /// <summary>Times that a packet stayed in the guest's ring because the channel's queue was full.</summary>
    public long QueueFull { get; init; }

    /// <summary>Answers that had to wait because the guest had not emptied its ring.</summary>
    public long RingFull { get; init; }

    /// <summary>Resets that the guest asked for.</summary>
    public long Resets { get; init; }

    /// <summary>Notices of changed logical units that were sent.</summary>
    public long Notices { get; init; }

    /// <summary>Commands that have ended.</summary>
    public long Ended { get; init; }

    /// <summary>The sum of their times from start to end.</summary>
    public TimeSpan EndedSum { get; init; }

    /// <summary>Commands that are running now.</summary>
    public int InFlight { get; init; }

    /// <summary>Channels that are open now.</summary>
    public int OpenChannels { get; init; }

    /// <summary>The sum, field by field.</summary>
    public static StorageCounters operator +(StorageCounters left, StorageCounters right) => new()
    {
        Commands = left.Commands + right.Commands,
        FailedCommands = left.FailedCommands + right.FailedCommands,
        RefusedRequests = left.RefusedRequests + right.RefusedRequests,
        BytesRead = left.BytesRead + right.BytesRead,
        BytesWritten = left.BytesWritten + right.BytesWritten,
        QueueFull = left.QueueFull + right.QueueFull,
        RingFull = left.RingFull + right.RingFull,
        Resets = left.Resets + right.Resets,
        Notices = left.Notices + right.Notices,
        Ended = left.Ended + right.Ended,
        EndedSum = left.EndedSum + right.EndedSum,
        InFlight = left.InFlight + right.InFlight,
        OpenChannels = left.OpenChannels + right.OpenChannels,
    };

    /// <summary>The sum, field by field.</summary>
    public static StorageCounters Add(StorageCounters left, StorageCounters right) => left + right;
}
