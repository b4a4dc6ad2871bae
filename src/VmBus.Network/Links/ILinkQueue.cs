using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>One lane's way to a link. All members but <see cref="Counters"/> are called on that lane's thread.</summary>
/// <remarks>Nothing throws and nothing is allocated in steady state. Nothing ever waits for the other end: what it does not take is dropped and counted.</remarks>
public interface ILinkQueue : IDisposable
{
    /// <summary>What the queue has done. Any thread, also after the end; a consistent set only on the lane.</summary>
    LinkQueueCounters Counters { get; }

    /// <summary>Whether every frame comes back from <see cref="Send"/> at once, in the lane's next turns, whatever the other end does.</summary>
    bool SendsPromptly { get; }

    /// <summary>
    /// Sends a frame. The buffer belongs to the queue until <see cref="IFrameReceiver.Sent"/> is called, exactly once, later in the lane's
    /// loop and never from within this call.
    /// </summary>
    void Send(FrameBuffer frame);

    /// <summary>Receives again after <see cref="IFrameReceiver.Rent"/> had no buffer.</summary>
    void Resume();

    /// <summary>
    /// Stops receiving, gives back every buffer (<see cref="IFrameReceiver.Return"/>, <see cref="IFrameReceiver.Sent"/>), then calls
    /// <see cref="IFrameReceiver.Stopped"/>, at once or later; the queue is disposed after that.
    /// </summary>
    void Stop();
}
