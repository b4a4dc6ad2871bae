namespace VmBus.Bus.Serving;

/// <summary>What a channel has done since it was opened. Written by its lane only; read by anyone, each number whole.</summary>
internal sealed class ChannelCounters
{
    private long _packetsIn;
    private long _packetsOut;
    private long _interrupts;
    private long _kicks;

    public long PacketsIn => Volatile.Read(ref _packetsIn);

    public long PacketsOut => Volatile.Read(ref _packetsOut);

    public long Interrupts => Volatile.Read(ref _interrupts);

    public long Kicks => Volatile.Read(ref _kicks);

    public void CountPacketIn() => Volatile.Write(ref _packetsIn, _packetsIn + 1);

    public void CountPacketOut() => Volatile.Write(ref _packetsOut, _packetsOut + 1);

    public void CountInterrupt() => Volatile.Write(ref _interrupts, _interrupts + 1);

    public void CountKick() => Volatile.Write(ref _kicks, _kicks + 1);
}
