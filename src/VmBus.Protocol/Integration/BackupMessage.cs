namespace VmBus.Protocol.Integration;

/// <summary>Steps of a backup. Source: protocol-spec/integration-data.md#backup-operations.</summary>
public enum BackupOperation : byte
{
    /// <summary>Make a shadow copy; Linux does nothing.</summary>
    Create = 0,

    /// <summary>Delete a shadow copy; Linux does nothing.</summary>
    Delete = 1,

    /// <summary>Can the guest be backed up while it runs?</summary>
    CheckHotBackup = 2,

    /// <summary>Which of its disks does the host not see?</summary>
    GetDirectMappedInfo = 3,

    /// <summary>The backup is made; Linux does nothing.</summary>
    Complete = 4,

    /// <summary>Bring file systems to rest.</summary>
    Freeze = 5,

    /// <summary>Let them go on.</summary>
    Thaw = 6,

    /// <summary>Recover a copy; Linux does nothing.</summary>
    AutoRecover = 7,

    /// <summary>Is it a node of a cluster? Linux does nothing.</summary>
    QueryCluster = 8,
}

/// <summary>The body of a backup message. Source: protocol-spec/integration-data.md#backup.</summary>
/// <param name="Operation">The step.</param>
/// <remarks>[0) operation u8 · [1) reserved 7 bytes · [8) flags u32, zero.</remarks>
public readonly record struct BackupMessage(BackupOperation Operation)
{
    /// <summary>Bytes of the body.</summary>
    public const int Size = 12;

    /// <summary>Writes the fields into a body of zeros.</summary>
    public void Write(Span<byte> body) => body[0] = (byte)Operation;
}
