using VmBus.Bus.Serving;
using VmBus.Memory.Guest;

namespace VmBus.Bus.Devices;

/// <summary>
/// Memory that the guest has described for a channel beside its rings and that a device uses: the guest does not get it back before
/// <see cref="Release"/>, or before the channel and its sub-channels have closed.
/// </summary>
/// <remarks>Source: protocol-spec/channel.md#gpadl.</remarks>
public sealed class HeldGpadl
{
    private readonly GpadlHolds _holds;

    internal HeldGpadl(uint id, GuestRegion memory, GpadlHolds holds)
    {
        Id = id;
        Memory = memory;
        _holds = holds;
    }

    /// <summary>The guest's handle.</summary>
    public uint Id { get; }

    /// <summary>The bytes; usable from any thread, so from the lanes of sub-channels too, as long as the GPADL is held.</summary>
    public GuestRegion Memory { get; }

    /// <summary>Gives the memory back: nothing of the device touches it any more. On the channel's lane.</summary>
    /// <remarks>Again, or after the channel has been asked to close, it does nothing.</remarks>
    public void Release() => _holds.Release(this);
}
