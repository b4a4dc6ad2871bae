namespace VmBus.Lanes;

/// <summary>What a lane has done since it started.</summary>
/// <param name="Turns">Rounds of the loop.</param>
/// <param name="EngineCalls">Calls of io_uring_enter or epoll_wait.</param>
/// <param name="SystemCalls">All system calls of the lane itself: engine calls and reads of eventfds.</param>
/// <param name="Waits">Engine calls that were ready to sleep: each is at most one wake-up of the thread.</param>
/// <param name="Operations">I/O operations completed.</param>
/// <param name="Signals">Signalled eventfds and ready files.</param>
public readonly record struct LaneCounters(long Turns, long EngineCalls, long SystemCalls, long Waits, long Operations, long Signals);
