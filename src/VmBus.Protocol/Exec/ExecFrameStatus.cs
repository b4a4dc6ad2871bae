namespace VmBus.Protocol.Exec;

/// <summary>What <see cref="ExecFrameReader.TryTake"/> found.</summary>
public enum ExecFrameStatus
{
    /// <summary>A whole frame.</summary>
    Taken,

    /// <summary>More bytes are needed.</summary>
    Incomplete,

    /// <summary>No frame begins like this: nothing that follows can be read either.</summary>
    Corrupt,
}
