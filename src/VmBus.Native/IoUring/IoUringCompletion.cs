namespace VmBus.Native.IoUring;

/// <summary>One entry of the completion queue. Source: io_uring(7).</summary>
/// <param name="UserData">What the submission carried.</param>
/// <param name="Result">Bytes, poll events or 0; negative errno on failure.</param>
/// <param name="More">The same submission will complete again (multishot).</param>
public readonly record struct IoUringCompletion(ulong UserData, int Result, bool More);
