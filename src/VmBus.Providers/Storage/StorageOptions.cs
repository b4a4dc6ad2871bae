using VmBus.Memory.Guest;

namespace VmBus.Providers.Storage;

/// <summary>The limits of one storage controller.</summary>
public sealed record StorageOptions
{
    /// <summary>Most sub-channels of a controller: with the primary one channel for each of 64 processors.</summary>
    public const int MaximumSubchannelLimit = 63;

    /// <summary>
    /// Largest transfer that can be announced: its pages fit one I/O vector array of the kernel, and one packet fits any guest's ring.
    /// </summary>
    public const int MaximumTransferLimitBytes = 2 << 20;

    /// <summary>
    /// Transfers in flight from which on completions are expected soon enough that the guest need not signal new requests. Each such
    /// request waits for the next completion instead, so a small number costs parallelism and a large one costs exits; this is to be tuned
    /// by measurement. Channels that carry transfers to more than one unit never skip signals: a disk that stalls would stop the others.
    /// </summary>
    public const int DefaultExpectCompletionsAt = 4;

    private readonly int _maximumTransferBytes = MaximumTransferLimitBytes;
    private readonly int _maximumSubchannels;
    private readonly int _queueDepth = 256;
    private readonly int _expectCompletionsAt = DefaultExpectCompletionsAt;

    /// <summary>Largest data buffer of one command, a multiple of 4096, at most <see cref="MaximumTransferLimitBytes"/>.</summary>
    public int MaximumTransferBytes
    {
        get => _maximumTransferBytes;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, Gpa.PageBytes);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaximumTransferLimitBytes);
            if (value % Gpa.PageBytes != 0)
                throw new ArgumentOutOfRangeException(nameof(value), value, "The largest transfer is a multiple of 4096 bytes.");
            _maximumTransferBytes = value;
        }
    }

    /// <summary>Sub-channels that the guest may ask for, 0 to <see cref="MaximumSubchannelLimit"/>.</summary>
    public int MaximumSubchannels
    {
        get => _maximumSubchannels;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaximumSubchannelLimit);
            _maximumSubchannels = value;
        }
    }

    /// <summary>Requests that one channel holds at once; further ones wait in the guest's ring.</summary>
    public int QueueDepth
    {
        get => _queueDepth;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _queueDepth = value;
        }
    }

    /// <summary>See <see cref="DefaultExpectCompletionsAt"/>.</summary>
    public int ExpectCompletionsAt
    {
        get => _expectCompletionsAt;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _expectCompletionsAt = value;
        }
    }

    /// <summary>The usual limits of a partition with <paramref name="processors"/> processors: one channel for each.</summary>
    public static StorageOptions ForProcessors(int processors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(processors, 1);
        return new StorageOptions { MaximumSubchannels = Math.Min(processors - 1, MaximumSubchannelLimit) };
    }
}
