namespace VmBus.Native.Nbd;

/// <summary>How a command is carried out. Values are the protocol's. Source: NBD proto.md, "Command flags".</summary>
[Flags]
public enum NbdCommandFlags : uint
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>The command ends only when its data is durable.</summary>
    ForceUnitAccess = 1,

    /// <summary>Zeroing must not free the space.</summary>
    NoHole = 2,
}

/// <summary>What a connection waits for. Source: nbd_aio_get_direction(3).</summary>
[Flags]
public enum NbdDirection
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A reply.</summary>
    Read = 1,

    /// <summary>Room to send.</summary>
    Write = 2,
}

/// <summary>What a server told about its export.</summary>
/// <param name="Bytes">Size.</param>
/// <param name="ReadOnly">Writes are refused.</param>
/// <param name="CanFlush">Has a write cache that can be flushed.</param>
/// <param name="CanForceUnitAccess">Takes <see cref="NbdCommandFlags.ForceUnitAccess"/>.</param>
/// <param name="CanTrim">Frees space.</param>
/// <param name="CanZero">Zeroes ranges.</param>
public readonly record struct NbdExport(
    long Bytes, bool ReadOnly, bool CanFlush, bool CanForceUnitAccess, bool CanTrim, bool CanZero);
