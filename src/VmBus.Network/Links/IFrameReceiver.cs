using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>The adapter's side of a link's queue. All members are called on the queue's lane.</summary>
public interface IFrameReceiver
{
    /// <summary>
    /// Lends an empty buffer for the next frame: the header and as much room as the longest frame that may come; what is longer is dropped. The link
    /// leaves its pieces as they are.
    /// </summary>
    /// <returns>Null when there is none: the link stops receiving until <see cref="ILinkQueue.Resume"/>, and its own queue fills.</returns>
    FrameBuffer? Rent();

    /// <summary>A frame has been received.</summary>
    /// <param name="frame">The buffer, its header set; it is the receiver's again.</param>
    /// <param name="bytes">Length of the frame without the header.</param>
    void Receive(FrameBuffer frame, int bytes);

    /// <summary>A rented buffer was not needed.</summary>
    void Return(FrameBuffer frame);

    /// <summary>A buffer given to <see cref="ILinkQueue.Send"/> is free again.</summary>
    /// <param name="frame">The buffer.</param>
    /// <param name="taken">False when the link dropped the frame.</param>
    void Sent(FrameBuffer frame, bool taken);

    /// <summary>No more frames come in this turn, and buffers that were not needed are back; it also follows a <see cref="Rent"/> in vain.</summary>
    void EndBatch();

    /// <summary>The queue has stopped: no buffer is in use any more.</summary>
    void Stopped();
}
