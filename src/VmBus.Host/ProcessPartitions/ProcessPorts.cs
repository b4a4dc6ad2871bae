using System.Collections.Concurrent;
using VmBus.Bus.Ports;
using VmBus.Native.Linux;
using VmBus.Protocol.HyperV;

namespace VmBus.Host.ProcessPartitions;

/// <summary>The machine's side of a bus whose guest is a part of this process: messages, signals and event flags in queues. Any thread.</summary>
public sealed class ProcessPorts : IMessagePort, IEventPort, IInterruptPort, IDisposable
{
    private readonly BlockingCollection<byte[]> _messages = [];
    private readonly ConcurrentDictionary<uint, EventFd> _kicks = new();
    private readonly ConcurrentDictionary<(uint Processor, uint Flag), bool> _enabled = new();
    private readonly ConcurrentDictionary<uint, AutoResetEvent> _flags = new();

    /// <inheritdoc/>
    public int Queued => _messages.Count;

    /// <inheritdoc/>
    public void SetTarget(uint virtualProcessor)
    {
        // The guest has one message queue for all processors.
    }

    /// <inheritdoc/>
    public void Post(ReadOnlySpan<byte> message) => _messages.Add(message.ToArray());

    /// <inheritdoc/>
    public void Clear()
    {
        while (_messages.TryTake(out _))
        {
        }
    }

    /// <inheritdoc/>
    public bool TryBind(uint connectionId, EventFd kick) => _kicks.TryAdd(connectionId, kick);

    /// <inheritdoc/>
    public void Unbind(uint connectionId) => _kicks.TryRemove(connectionId, out _);

    /// <inheritdoc/>
    public void Raise(uint virtualProcessor, uint flag)
    {
        if (_enabled.ContainsKey((virtualProcessor, flag))) Flag(flag).Set();
    }

    /// <summary>The next message to the guest, or null when none comes in time.</summary>
    public byte[]? TakeMessage(TimeSpan timeout) => _messages.TryTake(out byte[]? message, timeout) ? message : null;

    /// <summary>Enables an event flag on a processor; none on the one that means that no interrupts are wanted.</summary>
    public void Listen(uint virtualProcessor, uint flag)
    {
        if (virtualProcessor != SyntheticInterrupts.NoProcessor) _enabled[(virtualProcessor, flag)] = true;
    }

    /// <summary>Signals the bus (HVCALL_SIGNAL_EVENT).</summary>
    /// <returns>False when nobody is bound to the connection.</returns>
    public bool Signal(uint connectionId)
    {
        if (!_kicks.TryGetValue(connectionId, out EventFd? kick)) return false;
        try
        {
            kick.Signal();
            return true;
        }
        catch (ObjectDisposedException)
        {
            // The bus has just let go of it.
            return false;
        }
    }

    /// <summary>Waits until a flag is raised on a processor where it is enabled, and clears it.</summary>
    public bool WaitForFlag(uint flag, TimeSpan timeout) => Flag(flag).WaitOne(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _messages.Dispose();
        foreach (AutoResetEvent flag in _flags.Values) flag.Dispose();
    }

    private AutoResetEvent Flag(uint flag) => _flags.GetOrAdd(flag, static _ => new AutoResetEvent(false));
}
