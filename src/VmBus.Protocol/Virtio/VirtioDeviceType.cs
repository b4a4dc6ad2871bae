namespace VmBus.Protocol.Virtio;

/// <summary>Virtio device ids. Source: virtio 1.3, 5 Device Types.</summary>
public enum VirtioDeviceType
{
    /// <summary>Network adapter.</summary>
    Network = 1,

    /// <summary>Block device.</summary>
    Block = 2,

    /// <summary>Console.</summary>
    Console = 3,

    /// <summary>Entropy device.</summary>
    Entropy = 4,

    /// <summary>Memory balloon.</summary>
    Balloon = 5,

    /// <summary>SCSI host.</summary>
    Scsi = 8,

    /// <summary>Socket device.</summary>
    Socket = 19,
}
