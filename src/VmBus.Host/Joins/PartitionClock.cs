using VmBus.Machine;
using VmBus.Providers.Integration;

namespace VmBus.Host.Joins;

/// <summary>The clock of the machine that runs now. A reset makes a new machine, whose counter begins anew. Any thread.</summary>
internal sealed class PartitionClock : IGuestClock
{
    private KvmMachine? _machine;

    /// <summary>Reads the clock of a new machine from now on.</summary>
    public void Connect(KvmMachine machine) => Volatile.Write(ref _machine, machine);

    /// <summary>Lets go of the machine.</summary>
    public void Disconnect() => Volatile.Write(ref _machine, null);

    /// <inheritdoc/>
    public bool TryRead(out DateTime utc, out ulong reference)
    {
        if (Volatile.Read(ref _machine) is { } machine && machine.TryReadTime(out MachineTime time))
        {
            (utc, reference) = (time.Utc, time.Reference);
            return true;
        }

        (utc, reference) = (default, 0);
        return false;
    }
}
