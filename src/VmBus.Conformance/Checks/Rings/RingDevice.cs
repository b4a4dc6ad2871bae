using VmBus.Conformance.Running;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>A device with an open channel that answers every request: what the rules of rings are seen at.</summary>
internal abstract class RingDevice(RingChannel channel)
{
    private const ulong FirstId = 0x1_0000_0001;
    private ulong _id = FirstId;

    public RingChannel Channel => channel;

    /// <summary>Bytes of the longest request.</summary>
    public abstract int LongestRequest { get; }

    /// <summary>A request that may be made at any time.</summary>
    /// <param name="id">What it is sent under.</param>
    /// <param name="bytes">How long it would best be; the device's requests may all have one length.</param>
    public abstract byte[] Request(ulong id, int bytes);

    /// <summary>Ends the check when a packet is not the answer to a request.</summary>
    public abstract void MustAnswer(ReceivedPacket packet, byte[] request);

    /// <summary>Makes a request and takes its answer.</summary>
    public ReceivedPacket Ask(string what) => Ask(_id++, 0, what);

    /// <summary>Makes a request of about so many bytes under an id, and takes its answer.</summary>
    public ReceivedPacket Ask(ulong id, int bytes, string what)
    {
        byte[] request = Request(id, bytes);
        channel.Send(request, id);
        ReceivedPacket packet = channel.Complete(id, what);
        MustAnswer(packet, request);
        return packet;
    }
}
