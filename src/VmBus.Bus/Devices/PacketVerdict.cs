namespace VmBus.Bus.Devices;

/// <summary>What an endpoint says of a packet.</summary>
public enum PacketVerdict
{
    /// <summary>Taken; the ring space may be given back.</summary>
    Taken,

    /// <summary>No room now: the packet stays in the ring, and <see cref="OpenChannel.Resume"/> has it delivered again.</summary>
    Busy,

    /// <summary>The guest broke the protocol: the channel is closed and reported; the partition goes on.</summary>
    Violation,
}
