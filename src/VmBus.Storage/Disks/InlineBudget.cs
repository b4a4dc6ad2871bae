using System.Diagnostics;
using VmBus.Lanes;

namespace VmBus.Storage.Disks;

/// <summary>How much a queue may do on the lane's own thread in one turn, before the rest goes to the engine.</summary>
internal struct InlineBudget
{
    // Measured with the storage part of VmBus.Benchmarks (4k, ext4, page cache, busy host), time per request over a bare system call:
    // reads at depth 1 inline 1.8, engine 2.5; at depth 32 all ways 1.4 to 1.7, with 0.03 calls per request through the engine, 1 inline.
    // Writes at depth 1 inline 1.1, engine 5.1; at depth 32 inline 1.0, engine 2.4: io_uring hands each to a worker thread.
    // So the first few reads of a turn are answered at once, a deep queue of them goes to the engine, and writes stay here as long as they may.
    internal const int ReadsPerTurn = 4;
    internal const int WritesPerTurn = 32;

    // A copy of 256 KiB takes some tens of microseconds: longer ones would hold up the other channels of the lane.
    internal const int BytesPerTurn = 256 * 1024;

    // Where a write meets a throttled page cache or a journal commit, it waits; then the rest of this turn waits elsewhere.
    private static readonly long TicksPerTurn = Stopwatch.Frequency / 5000;

    private long _turn;
    private int _reads;
    private int _writes;
    private long _bytes;
    private long _ticks;
    private long _started;

    /// <summary>Asks for one inline read; on true, <see cref="End"/> follows it.</summary>
    internal bool TryBeginRead(Lane lane, long bytes, int limit = ReadsPerTurn) => TryBegin(lane, bytes) && ++_reads <= limit && Begin(bytes);

    /// <summary>Asks for one inline write; on true, <see cref="End"/> follows it.</summary>
    internal bool TryBeginWrite(Lane lane, long bytes, int limit = WritesPerTurn) => TryBegin(lane, bytes) && ++_writes <= limit && Begin(bytes);

    internal void End() => _ticks += Stopwatch.GetTimestamp() - _started;

    private bool TryBegin(Lane lane, long bytes)
    {
        if (_turn != lane.Turn)
        {
            this = default;
            _turn = lane.Turn;
        }

        return bytes <= BytesPerTurn - _bytes && _ticks < TicksPerTurn;
    }

    private bool Begin(long bytes)
    {
        _bytes += bytes;
        _started = Stopwatch.GetTimestamp();
        return true;
    }
}
