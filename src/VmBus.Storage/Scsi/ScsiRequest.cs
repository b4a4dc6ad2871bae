using VmBus.Memory.Guest;

namespace VmBus.Storage.Scsi;

/// <summary>Which way the data of a command goes.</summary>
public enum ScsiDirection
{
    /// <summary>No data.</summary>
    None,

    /// <summary>Device to guest.</summary>
    Read,

    /// <summary>Guest to device.</summary>
    Write,
}

/// <summary>One SCSI command on its way through a <see cref="ScsiTargetQueue"/>. Reused; belongs to one lane.</summary>
/// <remarks>The transport (VMBus, virtio) derives from this, fills the request part, executes it and answers in <see cref="Complete"/>.</remarks>
public abstract class ScsiRequest(IoVectorList data)
{
    /// <summary>Longest command descriptor block.</summary>
    public const int MaximumCdbBytes = 16;

    /// <summary>Fixed-format sense data.</summary>
    public const int SenseBytes = 18;

    private readonly byte[] _cdb = new byte[MaximumCdbBytes];
    private readonly byte[] _sense = new byte[SenseBytes];

    /// <summary>The command descriptor block, a private copy padded with zeroes.</summary>
    public Span<byte> Cdb => _cdb;

    /// <summary>Whom it is for.</summary>
    public ScsiAddress Address { get; set; }

    /// <summary>Which way the guest says the data goes.</summary>
    public ScsiDirection Direction { get; set; }

    /// <summary>The guest memory of the data; covers the transfer length the guest gave. The command may consume it.</summary>
    public IoVectorList Data { get; } = data;

    /// <summary>The initiator, for reservations: one per controller and partition.</summary>
    public ulong Initiator { get; set; }

    /// <summary>Outcome.</summary>
    public ScsiStatus Status { get; set; }

    /// <summary>Outcome: no logical unit answers at <see cref="Address"/>; the transport has its own way to say so. <see cref="Sense"/> is set too.</summary>
    public bool NoSuchUnit { get; set; }

    /// <summary>Outcome: sense data, valid when <see cref="Status"/> is CHECK CONDITION.</summary>
    public Span<byte> Sense => _sense;

    /// <summary>Outcome: bytes moved between the guest and the device.</summary>
    public long Transferred { get; set; }

    /// <summary>Called exactly once per execution, on the lane, perhaps from within <see cref="ScsiTargetQueue.Execute"/>.</summary>
    public abstract void Complete();
}
