using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Lanes;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Native.Linux;

namespace VmBus.Host.Joins;

/// <summary>Joins the bus to the machine that runs now. A reset makes a new machine; the bus, its offers and its disks stay.</summary>
/// <remarks>
/// The bus is quiet (reset, every channel closed) whenever the machine changes, so no port is in use then; only a late interrupt of a
/// machine that is going away may still arrive, and is dropped.
/// </remarks>
internal sealed class BusBridge : IMessagePort, IEventPort, IInterruptPort, IHypercallSink, ILaneHandler
{
    private VmBusServer? _bus;
    private Synic? _synic;
    private IDisposable? _endOfMessageWatch;

    /// <summary>The bus that posted messages go to.</summary>
    public void Attach(VmBusServer bus) => _bus = bus;

    /// <summary>Uses the interrupt controller of a new machine.</summary>
    public void Connect(Synic synic) => Volatile.Write(ref _synic, synic);

    /// <summary>Lets go of the machine. Called after the bus was reset and before the machine is disposed.</summary>
    public void Disconnect()
    {
        Volatile.Write(ref _synic, null);
        _bus!.ControlLane.Invoke(StopWatching);
    }

    /// <inheritdoc/>
    int IMessagePort.Queued => Volatile.Read(ref _synic)?.QueuedMessages ?? 0;

    /// <inheritdoc/>
    void IMessagePort.SetTarget(uint virtualProcessor) => _synic?.SetMessageTarget(virtualProcessor);

    /// <inheritdoc/>
    void IMessagePort.Post(ReadOnlySpan<byte> message)
    {
        _synic?.PostMessage(message);
        WatchWhileWaiting();
    }

    /// <inheritdoc/>
    void IMessagePort.Clear()
    {
        _synic?.ClearMessages();
        StopWatching();
    }

    /// <inheritdoc/>
    bool IEventPort.TryBind(uint connectionId, EventFd kick) => _synic is { } synic && synic.TryBind(connectionId, kick);

    /// <inheritdoc/>
    void IEventPort.Unbind(uint connectionId) => _synic?.Unbind(connectionId);

    /// <inheritdoc/>
    void IInterruptPort.Raise(uint virtualProcessor, uint flag) => Volatile.Read(ref _synic)?.Raise(virtualProcessor, flag);

    /// <inheritdoc/>
    HypercallStatus IHypercallSink.PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload)
        => _bus!.Post(connectionId, payload) switch
        {
            PostStatus.Accepted => HypercallStatus.Success,
            PostStatus.InsufficientBuffers => HypercallStatus.InsufficientBuffers,
            PostStatus.InvalidConnectionId => HypercallStatus.InvalidConnectionId,
        };

    /// <inheritdoc/>
    HypercallStatus IHypercallSink.SignalEvent(uint connectionId, ushort flag) => HypercallStatus.InvalidConnectionId;

    /// <summary>The guest has freed a message slot.</summary>
    bool ILaneHandler.Run()
    {
        _synic?.Pump();
        WatchWhileWaiting();
        return false;
    }

    // The end-of-message eventfd also fires for every interrupt on that processor, so it is watched only while a message waits. After
    // arming, the slot is looked at once more: it may have been freed between the last look and the watch.
    private void WatchWhileWaiting()
    {
        if (_synic is not { IsWaitingForSlot: true } synic)
        {
            StopWatching();
            return;
        }

        if (_endOfMessageWatch is not null) return;
        synic.EndOfMessage.Drain();
        _endOfMessageWatch = _bus!.ControlLane.Watch(synic.EndOfMessage, this);
        synic.Pump();
        if (!synic.IsWaitingForSlot) StopWatching();
    }

    private void StopWatching()
    {
        _endOfMessageWatch?.Dispose();
        _endOfMessageWatch = null;
    }
}
