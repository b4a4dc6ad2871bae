namespace VmBus.Lanes.Engines;

/// <summary>What a lane needs from the kernel. All members are called on the lane's thread.</summary>
internal interface ILaneEngine : IDisposable
{
    /// <summary>For logs.</summary>
    string Name { get; }

    /// <summary>Calls of io_uring_enter or epoll_wait.</summary>
    long Calls { get; }

    /// <summary>System calls besides <see cref="Calls"/>.</summary>
    long OtherCalls { get; }

    /// <summary>
    /// Whether each signal of an eventfd is reported even when nobody has read the counter since the last one: then reading it is a
    /// system call for nothing.
    /// </summary>
    bool IsEdgeTriggered { get; }

    /// <summary>Starts an operation, which ends with <see cref="ILaneEvents.OperationEnded"/> in a later <see cref="Turn"/>.</summary>
    void Start(int slot, in LaneOperation operation);

    /// <summary>Reports <see cref="ILaneEvents.WatchReady"/> at each event of <paramref name="descriptor"/>, or only at the next one.</summary>
    void Arm(int watch, int descriptor, uint events, bool once);

    /// <summary>Ends a watch; <see cref="ILaneEvents.WatchEnded"/> follows, perhaps at once, and then its number may be used again.</summary>
    void Disarm(int watch, int descriptor);

    /// <summary>Hands over what was started, sleeps until something happens when <paramref name="wait"/> is set, and reports what happened.</summary>
    void Turn(bool wait, ILaneEvents events);
}

/// <summary>Where an engine reports to.</summary>
internal interface ILaneEvents
{
    /// <summary>An operation is over.</summary>
    void OperationEnded(int slot, int result);

    /// <summary>A watched file is ready for <paramref name="ready"/>; <paramref name="armed"/> says whether the watch still stands.</summary>
    void WatchReady(int watch, uint ready, bool armed);

    /// <summary>A disarmed watch will not be reported again.</summary>
    void WatchEnded(int watch);
}
