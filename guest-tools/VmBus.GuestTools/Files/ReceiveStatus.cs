namespace VmBus.GuestTools.Files;

/// <summary>What became of a step of a file's copy.</summary>
internal enum ReceiveStatus
{
    /// <summary>It is done.</summary>
    Done,

    /// <summary>There is a file of that name, and it is not to be replaced.</summary>
    Exists,

    /// <summary>The disk is full.</summary>
    DiskFull,

    /// <summary>The host's words make no sense: a name, a position, an order of steps.</summary>
    Refused,

    /// <summary>The file system does not play along.</summary>
    Failed,
}
