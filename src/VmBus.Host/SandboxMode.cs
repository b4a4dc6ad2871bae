namespace VmBus.Host;

/// <summary>What a partition's process gives up before its guest runs.</summary>
public enum SandboxMode
{
    /// <summary>Nothing.</summary>
    Off,

    /// <summary>System calls that no partition has use for; and starting programs, unless one of its devices is served by one that this process has started (qemu-nbd, passt, ovs-vsctl).</summary>
    On,

    /// <summary>As <see cref="On"/>, but programs may be started whatever the devices are, so that such devices can be added later.</summary>
    Spawn,
}
