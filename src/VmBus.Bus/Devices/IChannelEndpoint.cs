using VmBus.Memory.Rings;

namespace VmBus.Bus.Devices;

/// <summary>The host's end of one open channel. All members are called on the channel's lane.</summary>
public interface IChannelEndpoint
{
    /// <summary>Handles one packet from the guest. The packet is a private copy: the guest cannot change it any more.</summary>
    PacketVerdict Receive(in RingPacket packet);

    /// <summary>The last packet of a batch was handled: submit and answer what was collected.</summary>
    void EndBatch();

    /// <summary>
    /// The channel closes: stop taking packets, finish or cancel what is in flight, then call <see cref="OpenChannel.Closed"/>, at once or
    /// later. The rings and the guest's pages stay mapped until then.
    /// </summary>
    void Close();
}
