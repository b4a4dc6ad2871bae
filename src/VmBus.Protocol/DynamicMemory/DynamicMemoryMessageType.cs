namespace VmBus.Protocol.DynamicMemory;

/// <summary>Kinds of messages. Source: protocol-spec/dynamic-memory.md#message-types.</summary>
public enum DynamicMemoryMessageType : ushort
{
    /// <summary>Not used.</summary>
    Error = 0,

    /// <summary>Guest: a version it speaks.</summary>
    VersionRequest = 1,

    /// <summary>Host: whether that is taken.</summary>
    VersionResponse = 2,

    /// <summary>Guest: what its driver can do.</summary>
    CapabilitiesReport = 3,

    /// <summary>Host: whether that is taken.</summary>
    CapabilitiesResponse = 4,

    /// <summary>Guest: how much memory it uses.</summary>
    StatusReport = 5,

    /// <summary>Host: give so many pages.</summary>
    BalloonRequest = 6,

    /// <summary>Guest: the pages.</summary>
    BalloonResponse = 7,

    /// <summary>Host: these pages are the guest's again.</summary>
    UnballoonRequest = 8,

    /// <summary>Guest: it has them.</summary>
    UnballoonResponse = 9,

    /// <summary>Host: use this memory, which was not there before.</summary>
    HotAddRequest = 10,

    /// <summary>Guest: how much of it is used.</summary>
    HotAddResponse = 11,

    /// <summary>Host: a word on the side, such as how much memory there may be.</summary>
    Info = 12,
}
