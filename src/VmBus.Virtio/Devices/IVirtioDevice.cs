using VmBus.Lanes;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Devices;

/// <summary>A virtio device of one driver, whatever transport the driver reaches it by. Knows no transport itself.</summary>
/// <remarks>
/// The transport calls <see cref="OpenQueue"/> and the worker's members on the queue's lane, everything else from one thread at a time. It has
/// checked nothing that the driver says but the ring's rules.
/// </remarks>
public interface IVirtioDevice : IDisposable
{
    /// <summary>What it is.</summary>
    VirtioDeviceType Type { get; }

    /// <summary>Name of what is behind it, for logs.</summary>
    string Name { get; }

    /// <summary>Feature bits that it offers, those of the queues included.</summary>
    ulong Features { get; }

    /// <summary>Queues that a driver may use.</summary>
    int QueueCount { get; }

    /// <summary>What a vhost-user front-end is told of the number of queues: each, or pairs of them.</summary>
    int FrontEndQueueCount { get; }

    /// <summary>Set by the transport: to be called, on no lane, when the configuration space has changed.</summary>
    Action? ConfigChanged { get; set; }

    /// <summary>Which lane serves a queue: those with the same number share one.</summary>
    int LaneOf(int queue);

    /// <summary>Most entries of a queue, a power of two.</summary>
    int MaximumQueueSize { get; }

    /// <summary>Copies the whole configuration space as it is now.</summary>
    /// <returns>Its bytes; what the driver reads after them is zero.</returns>
    int ReadConfig(Span<byte> destination);

    /// <summary>The driver writes to the configuration space.</summary>
    /// <returns>False when this is not to be written, or not so.</returns>
    bool WriteConfig(int offset, ReadOnlySpan<byte> source);

    /// <summary>The driver has a queue ready.</summary>
    /// <param name="index">Which.</param>
    /// <param name="features">What was agreed on.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="lane">Where it is served.</param>
    IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane);

    /// <summary>The driver begins anew: what it has set is forgotten. No queue is open.</summary>
    void Reset();
}

/// <summary>What a device does with one queue. Every member is called on the queue's lane.</summary>
public interface IQueueWorker : IDisposable
{
    /// <summary>Does a bounded piece of work: takes chains, completes what it can.</summary>
    QueueTurn Run();

    /// <summary>
    /// Takes no more, and gives back what it holds without work. What is still being worked on it completes later, with <see cref="QueueRunner.Touch"/>.
    /// </summary>
    void Stop();
}

/// <summary>How a turn of a <see cref="IQueueWorker"/> ended.</summary>
public enum QueueTurn
{
    /// <summary>The queue is empty: a kick tells of the next chain.</summary>
    Empty,

    /// <summary>There may be more to do at once.</summary>
    More,

    /// <summary>No kick is wanted: something else, which touches the runner, comes first.</summary>
    Waiting,

    /// <summary>The driver broke a rule of the ring or of the device.</summary>
    Broken,
}
