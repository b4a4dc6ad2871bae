namespace VmBus.Machine;

/// <summary>Why no partition can run on this host.</summary>
public enum KvmUnavailableReason
{
    /// <summary>There is no /dev/kvm.</summary>
    NoDevice,

    /// <summary>This user may not open /dev/kvm.</summary>
    NoPermission,

    /// <summary>KVM is there but lacks something that is needed.</summary>
    MissingCapability,

    /// <summary>KVM refused a request that normally succeeds.</summary>
    Refused,
}

/// <summary>No partition can run on this host. The message is one sentence for a person, with what to do about it where that is known.</summary>
public sealed class KvmUnavailableException : Exception
{
    /// <summary>Describes the problem.</summary>
    public KvmUnavailableException(KvmUnavailableReason reason, string message, Exception? cause = null)
        : base(message, cause) => Reason = reason;

    /// <summary>The kind of problem.</summary>
    public KvmUnavailableReason Reason { get; }
}
