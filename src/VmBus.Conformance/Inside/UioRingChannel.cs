using VmBus.Client.Channels;
using VmBus.Client.Uio;
using VmBus.Conformance.Running;
using VmBus.Memory.Rings;

namespace VmBus.Conformance.Inside;

/// <summary>A channel that the guest's kernel has opened for this process.</summary>
internal sealed class UioRingChannel(uint id, UioChannel channel, TimeSpan patience) : RingChannel(patience), IDisposable
{
    public override uint Id => id;

    public override int DataBytes => channel.RingBytes;

    /// <summary>Whether the host has taken the device away.</summary>
    public bool IsGone => channel.IsGone;

    protected override IPacketChannel Packets => channel;

    public override bool Signal()
    {
        channel.Signal();
        return !channel.IsGone;
    }

    public override bool WaitForInterrupt(TimeSpan timeout)
    {
        bool came = channel.WaitForInterrupt(timeout);
        // The kernel has masked interrupts with this one: the reader has to know, or it would not unmask them.
        if (came) channel.Rings.Reader.MaskInterrupts();
        return came;
    }

    public override uint Word(bool outbound, int offset) => Ring(outbound).ReadWord(offset);

    public override void SetWord(bool outbound, int offset, uint value) => Ring(outbound).WriteWord(offset, value);

    public override void SetData(bool outbound, int position, ReadOnlySpan<byte> bytes) => Ring(outbound).WriteData(position, bytes);

    public override byte[] Data(bool outbound, int position, int bytes)
    {
        byte[] data = new byte[bytes];
        Ring(outbound).ReadData(position, data);
        return data;
    }

    /// <summary>Has the kernel close the channel.</summary>
    public void Dispose() => channel.Dispose();

    protected override bool UnmaskInterrupts() => channel.Rings.Reader.UnmaskInterrupts();

    private RingMapping Ring(bool outbound) => outbound ? channel.Rings.Outbound : channel.Rings.Inbound;
}
