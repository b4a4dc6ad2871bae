namespace VmBus.Protocol.Storage;

/// <summary>Interface types of storage offers. Source: protocol-spec/storage.md#offer.</summary>
public static class StorageInterface
{
    /// <summary>A SCSI controller: one offer carries all its logical units.</summary>
    public static readonly Guid Scsi = new("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f");
}
