namespace VmBus.Bus.Devices;

/// <summary>What a device hears of a GPADL that it asked for by <see cref="OpenChannel.TryTakeGpadl"/>. Called on the channel's lane.</summary>
public interface IGpadlHolder
{
    /// <summary>The answer to <see cref="OpenChannel.TryTakeGpadl"/>; does not come any more when the channel closes first.</summary>
    /// <param name="gpadlId">The handle that was asked for.</param>
    /// <param name="gpadl">
    /// The memory; null when the guest has described none by this handle on this channel, has asked for it back, has its rings in it, or
    /// described it in more than one range.
    /// </param>
    void GpadlTaken(uint gpadlId, HeldGpadl? gpadl);

    /// <summary>
    /// The guest wants the memory back and waits for it without a limit, though the device's own protocol has not said that it is given up:
    /// stop using it, then call <see cref="HeldGpadl.Release"/>, at once or later.
    /// </summary>
    void GpadlWanted(HeldGpadl gpadl);
}
