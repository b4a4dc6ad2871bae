using System.Collections.Concurrent;
using VmBus.Native.Linux;

namespace VmBus.Host.Consoles;

/// <summary>A console that others attach to beside the one it stands before: they see what the guest sends, the end of what it has sent, and may type.</summary>
/// <remarks>
/// The guest waits for the console it stands before as without this, and never for those attached: what is kept is one ring of bytes that
/// each reads at a position of its own, and whoever falls behind it goes on at its oldest byte. Any thread.
/// </remarks>
public sealed class SharedConsole : IConsole
{
    /// <summary>Bytes that are kept: a guest's whole boot log, twice.</summary>
    public const int HistoryBytes = 256 * 1024;

    // Pieces of typing that wait for the guest; whoever types more waits too.
    private const int MaximumWaiting = 16;

    private readonly IConsole _inner;
    private readonly Action<ReadOnlyMemory<byte>> _typeToGuest;
    private readonly Lock _lock = new();
    private readonly byte[] _history = new byte[HistoryBytes];
    private readonly BlockingCollection<ReadOnlyMemory<byte>> _typed = [];
    private readonly SemaphoreSlim _room = new(MaximumWaiting);
    private readonly Thread _typist;
    private TaskCompletionSource? _news;
    private long _end;
    private bool _innerGone;
    private volatile bool _ended;

    /// <summary>Stands before <paramref name="inner"/>, which it owns.</summary>
    /// <param name="inner">The console of the command line.</param>
    /// <param name="typeToGuest">Takes what those attached type; may block until the guest reads, but not after the partition's end.</param>
    public SharedConsole(IConsole inner, Action<ReadOnlyMemory<byte>> typeToGuest)
    {
        _inner = inner;
        _typeToGuest = typeToGuest;
        _typist = new Thread(Type, maxStackSize: 256 * 1024) { Name = "console-shared", IsBackground = true };
        _typist.Start();
    }

    /// <inheritdoc/>
    public void Start(Action<ReadOnlyMemory<byte>> receiver) => _inner.Start(receiver);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        TaskCompletionSource? news;
        lock (_lock)
        {
            ReadOnlySpan<byte> kept = bytes.Length <= HistoryBytes ? bytes : bytes[^HistoryBytes..];
            _end += bytes.Length - kept.Length;
            int at = (int)(_end % HistoryBytes);
            int first = Math.Min(kept.Length, HistoryBytes - at);
            kept[..first].CopyTo(_history.AsSpan(at));
            kept[first..].CopyTo(_history);
            _end += kept.Length;
            (news, _news) = (_news, null);
        }

        news?.TrySetResult();
        if (_innerGone) return;
        try
        {
            _inner.Write(bytes);
        }
        catch (LinuxException)
        {
            // Nobody reads that one any more; those attached still do.
            _innerGone = true;
        }
    }

    /// <summary>Where to begin to read so that at most this many earlier bytes come first.</summary>
    /// <param name="scrollback">Most earlier bytes.</param>
    /// <param name="earlier">How many there are.</param>
    public long Begin(long scrollback, out long earlier)
    {
        lock (_lock)
        {
            earlier = Math.Clamp(scrollback, 0, Math.Min(_end, HistoryBytes));
            return _end - earlier;
        }
    }

    /// <summary>Reads on from a position; waits until there is something.</summary>
    /// <returns>How many bytes were read, 0 when the console has ended, and where the next read goes on.</returns>
    public async ValueTask<(int Count, long Position)> ReadAsync(long position, Memory<byte> buffer, CancellationToken cancellation)
    {
        while (true)
        {
            Task news;
            lock (_lock)
            {
                if (position < _end)
                {
                    long from = Math.Max(position, _end - HistoryBytes);
                    int count = (int)Math.Min(buffer.Length, _end - from);
                    int at = (int)(from % HistoryBytes);
                    int first = Math.Min(count, HistoryBytes - at);
                    _history.AsSpan(at, first).CopyTo(buffer.Span);
                    _history.AsSpan(0, count - first).CopyTo(buffer.Span[first..]);
                    return (count, from + count);
                }

                if (_ended) return (0, position);
                news = (_news ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await news.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Types to the guest; waits while it does not read what was typed before.</summary>
    /// <param name="bytes">A piece that stays as it is.</param>
    /// <param name="cancellation">Ends the wait; what has been taken is typed all the same.</param>
    public async Task TypeAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        await _room.WaitAsync(cancellation).ConfigureAwait(false);
        _typed.Add(bytes, CancellationToken.None);
    }

    /// <summary>The partition has ended: those attached read to the end and hear of it.</summary>
    public void End()
    {
        TaskCompletionSource? news;
        lock (_lock)
        {
            _ended = true;
            (news, _news) = (_news, null);
        }

        news?.TrySetResult();
    }

    /// <summary>Ends this and the console it stands before. The partition has ended.</summary>
    public void Dispose()
    {
        End();
        // Wakes the thread. Nothing else is disposed: somebody may still type.
        _typed.Add(ReadOnlyMemory<byte>.Empty);
        _typist.Join();
        _inner.Dispose();
    }

    private void Type()
    {
        foreach (ReadOnlyMemory<byte> bytes in _typed.GetConsumingEnumerable())
        {
            if (_ended) return;
            _typeToGuest(bytes);
            _room.Release();
        }
    }
}
