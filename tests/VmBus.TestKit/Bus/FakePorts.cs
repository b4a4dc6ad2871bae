using System.Collections.Concurrent;
using VmBus.Bus.Ports;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;

namespace VmBus.TestKit.Bus;

/// <summary>The machine's side of a bus without a machine: messages, signals and interrupts end in queues that a test reads. Any thread.</summary>
public sealed class FakePorts : IMessagePort, IEventPort, IInterruptPort, IConnectPort, IChannelObserver, IDisposable
{
    private readonly BlockingCollection<byte[]> _messages = [];
    private readonly ConcurrentDictionary<uint, EventFd> _kicks = new();
    private readonly Lock _kicking = new();
    private readonly ConcurrentDictionary<(uint Processor, uint Flag), SemaphoreSlim> _interrupts = new();
    private readonly ConcurrentDictionary<uint, SemaphoreSlim> _flags = new();
    private int _clears;

    /// <summary>The processor that messages go to, or null when none was chosen yet.</summary>
    public uint? MessageProcessor { get; private set; }

    /// <summary>How often queued messages were dropped.</summary>
    public int Clears => Volatile.Read(ref _clears);

    /// <summary>What <see cref="IMessagePort.Queued"/> says; a test sets it to play a guest that does not read.</summary>
    public int Queued { get; set; }

    /// <summary>When set, the kernel refuses every binding.</summary>
    public bool RefusesBindings { get; set; }

    /// <summary>Connection ids that are bound now.</summary>
    public IReadOnlyCollection<uint> Bound => [.. _kicks.Keys];

    /// <summary>The eventfd that was bound last.</summary>
    public EventFd? LastBound { get; private set; }

    /// <summary>What the bus asked of a sockets provider.</summary>
    public ConcurrentQueue<TlConnectRequest> Connects { get; } = new();

    /// <summary>What the sockets provider answers.</summary>
    public bool TakesConnects { get; set; }

    /// <summary>Channels that have opened and closed, in order.</summary>
    public ConcurrentQueue<string> Changes { get; } = new();

    /// <inheritdoc/>
    public void ChannelOpened(uint channelId, Guid interfaceType, int subchannelIndex)
        => Changes.Enqueue($"{channelId}.{subchannelIndex} opened{(interfaceType == EchoDevice.InterfaceType ? "" : " by another device")}");

    /// <inheritdoc/>
    public void ChannelClosed(uint channelId, Guid interfaceType, int subchannelIndex)
        => Changes.Enqueue($"{channelId}.{subchannelIndex} closed{(interfaceType == EchoDevice.InterfaceType ? "" : " by another device")}");

    /// <inheritdoc/>
    public void SetTarget(uint virtualProcessor) => MessageProcessor = virtualProcessor;

    /// <inheritdoc/>
    public void Post(ReadOnlySpan<byte> message) => _messages.Add(message.ToArray());

    /// <inheritdoc/>
    public void Clear()
    {
        Interlocked.Increment(ref _clears);
        while (_messages.TryTake(out _))
        {
        }
    }

    /// <inheritdoc/>
    public bool TryBind(uint connectionId, EventFd kick)
    {
        if (RefusesBindings || !_kicks.TryAdd(connectionId, kick)) return false;
        LastBound = kick;
        return true;
    }

    /// <inheritdoc/>
    public void Unbind(uint connectionId)
    {
        lock (_kicking) _kicks.TryRemove(connectionId, out _);
    }

    /// <inheritdoc/>
    public void Raise(uint virtualProcessor, uint flag)
    {
        Interrupt(virtualProcessor, flag).Release();
        Flag(flag).Release();
    }

    /// <summary>A provider that decides in place of <see cref="TakesConnects"/>.</summary>
    public IConnectPort? Sockets { get; set; }

    /// <inheritdoc/>
    public bool TryConnect(in TlConnectRequest request)
    {
        if (Sockets is { } sockets) return sockets.TryConnect(request);
        Connects.Enqueue(request);
        return TakesConnects;
    }

    /// <summary>The next message to the guest, or null when none comes in time.</summary>
    public byte[]? TakeMessage(TimeSpan timeout) => _messages.TryTake(out byte[]? message, timeout) ? message : null;

    /// <summary>Signals as HVCALL_SIGNAL_EVENT does. False when the connection id is not bound.</summary>
    public bool Kick(uint connectionId)
    {
        // What is no longer bound may be closed at once.
        lock (_kicking)
        {
            if (!_kicks.TryGetValue(connectionId, out EventFd? kick)) return false;
            kick.Signal();
            return true;
        }
    }

    /// <summary>Takes one interrupt of this flag on this processor; waits for it.</summary>
    public bool TakeInterrupt(uint virtualProcessor, uint flag, TimeSpan timeout) => Interrupt(virtualProcessor, flag).Wait(timeout);

    /// <summary>Takes one interrupt of this flag on whatever processor; waits for it. Apart from those taken by processor.</summary>
    public bool TakeInterrupt(uint flag, TimeSpan timeout) => Flag(flag).Wait(timeout);

    /// <summary>Interrupts of this flag on this processor that nobody has taken.</summary>
    public int InterruptCount(uint virtualProcessor, uint flag) => Interrupt(virtualProcessor, flag).CurrentCount;

    /// <inheritdoc/>
    public void Dispose()
    {
        _messages.Dispose();
        foreach (SemaphoreSlim interrupt in _interrupts.Values.Concat(_flags.Values)) interrupt.Dispose();
    }

    private SemaphoreSlim Interrupt(uint virtualProcessor, uint flag)
        => _interrupts.GetOrAdd((virtualProcessor, flag), static _ => new SemaphoreSlim(0));

    private SemaphoreSlim Flag(uint flag) => _flags.GetOrAdd(flag, static _ => new SemaphoreSlim(0));
}
