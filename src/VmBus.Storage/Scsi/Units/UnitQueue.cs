using VmBus.Storage.Disks;

namespace VmBus.Storage.Scsi.Units;

/// <summary>One channel's way to one logical unit. Belongs to the channel's lane, apart from <see cref="Owner"/> and <see cref="Unit"/>.</summary>
internal sealed class UnitQueue(ScsiTargetQueue owner, LogicalUnit unit, IDiskQueue disk)
{
    private Nexus? _nexus;

    internal ScsiTargetQueue Owner { get; } = owner;

    internal LogicalUnit Unit { get; } = unit;

    internal IDiskQueue Disk { get; } = disk;

    /// <summary>Commands that have not completed.</summary>
    internal int InFlight { get; set; }

    /// <summary>The unit is going away: close when the last command has ended.</summary>
    internal bool Closing { get; set; }

    /// <summary>The initiator's state; a channel carries the commands of one initiator, so the last one is nearly always right.</summary>
    internal Nexus NexusOf(ulong initiator)
    {
        Nexus? nexus = _nexus;
        if (nexus is not null && nexus.Initiator == initiator) return nexus;
        return _nexus = Unit.NexusOf(initiator);
    }
}
