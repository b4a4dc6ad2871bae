namespace VmBus.Machine.Processors;

/// <summary>How often one virtual processor left the kernel, and why. Written by its thread only; read by any.</summary>
internal sealed class ProcessorCounters
{
    internal long PortExits;
    internal long MemoryMappedExits;
    internal long PostMessageHypercalls;
    internal long SignalEventHypercalls;
    internal long OtherHypercalls;
    internal long SynicExits;
    internal long MsrExits;
    internal long Interruptions;

    /// <summary>The sums over all processors.</summary>
    internal static MachineStatistics Sum(IEnumerable<ProcessorCounters> processors)
    {
        var sum = default(MachineStatistics);
        foreach (ProcessorCounters c in processors)
        {
            sum = sum with
            {
                PortExits = sum.PortExits + Volatile.Read(ref c.PortExits),
                MemoryMappedExits = sum.MemoryMappedExits + Volatile.Read(ref c.MemoryMappedExits),
                PostMessageHypercalls = sum.PostMessageHypercalls + Volatile.Read(ref c.PostMessageHypercalls),
                SignalEventHypercalls = sum.SignalEventHypercalls + Volatile.Read(ref c.SignalEventHypercalls),
                OtherHypercalls = sum.OtherHypercalls + Volatile.Read(ref c.OtherHypercalls),
                SynicExits = sum.SynicExits + Volatile.Read(ref c.SynicExits),
                MsrExits = sum.MsrExits + Volatile.Read(ref c.MsrExits),
                Interruptions = sum.Interruptions + Volatile.Read(ref c.Interruptions),
            };
        }

        return sum;
    }
}
