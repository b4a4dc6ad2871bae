namespace VmBus.Protocol.Storage;

/// <summary>Who may send an operation, and on which channels.</summary>
public enum VstorDirection
{
    /// <summary>Host to guest only.</summary>
    GuestBound,

    /// <summary>Guest to host, on the primary channel only.</summary>
    HostBoundPrimary,

    /// <summary>Guest to host, on every channel of the controller.</summary>
    HostBoundAny,
}

/// <summary>One operation of the storage protocol.</summary>
/// <param name="Operation">Its number.</param>
/// <param name="Direction">Who may send it.</param>
/// <param name="BodyBytes">Bytes after the header that it gives a meaning to, at least.</param>
/// <param name="Since">The first version that has it.</param>
public sealed record VstorMessage(VstorOperation Operation, VstorDirection Direction, int BodyBytes, VstorVersion Since);

/// <summary>Every operation of the storage protocol. Source: protocol-spec/storage.md#operations.</summary>
public static class VstorMessages
{
    private static readonly VstorMessage[] Table =
    [
        new(VstorOperation.CompleteIo, VstorDirection.GuestBound, 0, VstorVersion.Win6),
        new(VstorOperation.RemoveDevice, VstorDirection.GuestBound, 0, VstorVersion.Win6),
        new(VstorOperation.ExecuteSrb, VstorDirection.HostBoundAny, ScsiRequestBlock.ShortSize, VstorVersion.Win6),
        new(VstorOperation.ResetLun, VstorDirection.HostBoundPrimary, 8, VstorVersion.Win6),
        new(VstorOperation.ResetAdapter, VstorDirection.HostBoundPrimary, 0, VstorVersion.Win6),
        new(VstorOperation.ResetBus, VstorDirection.HostBoundPrimary, 6, VstorVersion.Win6),
        new(VstorOperation.BeginInitialization, VstorDirection.HostBoundPrimary, 0, VstorVersion.Win6),
        new(VstorOperation.EndInitialization, VstorDirection.HostBoundPrimary, 0, VstorVersion.Win6),
        new(VstorOperation.QueryProtocolVersion, VstorDirection.HostBoundPrimary, 4, VstorVersion.Win6),
        new(VstorOperation.QueryProperties, VstorDirection.HostBoundPrimary, 0, VstorVersion.Win6),
        new(VstorOperation.EnumerateBus, VstorDirection.GuestBound, 0, VstorVersion.Win7),
        new(VstorOperation.CreateSubchannels, VstorDirection.HostBoundPrimary, 2, VstorVersion.Win8),
    ];

    /// <summary>All operations, by number.</summary>
    public static IReadOnlyList<VstorMessage> All => Table;

    /// <summary>Whether a guest may send <paramref name="operation"/> on a channel.</summary>
    /// <returns>False for numbers that are unknown, host to guest only, or not for sub-channels.</returns>
    public static bool IsHostBound(VstorOperation operation, bool primary)
    {
        foreach (VstorMessage message in Table)
        {
            if (message.Operation != operation) continue;
            return message.Direction == VstorDirection.HostBoundAny || (primary && message.Direction == VstorDirection.HostBoundPrimary);
        }

        return false;
    }
}
