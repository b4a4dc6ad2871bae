namespace VmBus.Protocol.Integration;

/// <summary>How a guest answered: an HRESULT, of which these are known; any other may come. Source: protocol-spec/integration.md#status-values.</summary>
public enum IntegrationStatus : uint
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>Not done, for a reason that only the guest's log tells.</summary>
    Fail = 0x8000_4005,

    /// <summary>There is no item at this index, or none with this key.</summary>
    NoMoreItems = 0x8007_0103,

    /// <summary>The guest does not do this.</summary>
    NotSupported = 0x8007_0032,

    /// <summary>Somebody has locked the machine.</summary>
    MachineLocked = 0x8007_04F7,

    /// <summary>The guest's side of the service is not there.</summary>
    NotConnected = 0x8007_048F,

    /// <summary>A field has a value that the guest does not take.</summary>
    InvalidArgument = 0x8007_0057,

    /// <summary>The guest has no network adapter with this identifier.</summary>
    GuidNotFound = 0x8004_1002,

    /// <summary>The file is there and must not be overwritten.</summary>
    AlreadyExists = 0x8007_0050,

    /// <summary>The guest's file system is full.</summary>
    DiskFull = 0x8007_0070,
}
