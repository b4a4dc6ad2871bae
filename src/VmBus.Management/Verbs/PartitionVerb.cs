using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>What can be asked of a partition, its memory, its disks and its network adapters. Source: protocol-spec/control.md#verbs.</summary>
public static class PartitionVerb
{
    /// <summary>How it stands, with its channels and what they have done.</summary>
    public static ControlVerb<NoValue, PartitionReport> Show { get; } = new("partition.show");

    /// <summary>Asks the guest to power off, and ends the partition when the guest has not powered off in time.</summary>
    public static ControlVerb<PowerOffRequest, PowerOffReply> PowerOff { get; } = new("partition.poweroff");

    /// <summary>Ends it at once, as pulling the plug does.</summary>
    public static ControlVerb<NoValue, NoValue> Kill { get; } = new("partition.kill");

    /// <summary>How its memory stands.</summary>
    public static ControlVerb<NoValue, MemoryReport> ShowMemory { get; } = new("memory.show");

    /// <summary>Has the guest give memory back or take more.</summary>
    public static ControlVerb<MemoryRequest, MemoryReport> SetMemory { get; } = new("memory.set");

    /// <summary>Its disks.</summary>
    public static ControlVerb<NoValue, DiskList> ListDisks { get; } = new("disk.list");

    /// <summary>Gives the guest a disk.</summary>
    public static ControlVerb<AddRequest, DiskReport> AddDisk { get; } = new("disk.add");

    /// <summary>Takes a disk from the guest.</summary>
    public static ControlVerb<RemoveRequest, RemoveReply> RemoveDisk { get; } = new("disk.remove");

    /// <summary>Tells the guest a disk's new size.</summary>
    public static ControlVerb<ResizeRequest, ResizeReply> ResizeDisk { get; } = new("disk.resize");

    /// <summary>Its network adapters, with what their queues have done.</summary>
    public static ControlVerb<NoValue, NicList> ListNics { get; } = new("nic.list");

    /// <summary>Gives the guest a network adapter.</summary>
    public static ControlVerb<AddRequest, NicReport> AddNic { get; } = new("nic.add");

    /// <summary>Takes a network adapter from the guest.</summary>
    public static ControlVerb<RemoveRequest, RemoveReply> RemoveNic { get; } = new("nic.remove");
}
