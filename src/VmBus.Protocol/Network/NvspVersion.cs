namespace VmBus.Protocol.Network;

/// <summary>Versions of the network protocol. Source: protocol-spec/network.md#versions.</summary>
public enum NvspVersion : uint
{
    /// <summary>Nothing agreed yet.</summary>
    None = 0,

    /// <summary>Windows Server 2008.</summary>
    V1 = 0x0000_0002,

    /// <summary>Windows Server 2008 R2: an MTU above 1500.</summary>
    V2 = 0x0003_0002,

    /// <summary>Windows Server 2012: virtual functions.</summary>
    V4 = 0x0004_0000,

    /// <summary>Windows Server 2012 R2: sub-channels.</summary>
    V5 = 0x0005_0000,

    /// <summary>Windows Server 2016.</summary>
    V6 = 0x0006_0000,

    /// <summary>Windows Server 2019: receive segment coalescing, longer messages.</summary>
    V61 = 0x0006_0001,
}

/// <summary>What a version brings.</summary>
public static class NvspVersions
{
    /// <summary>Whether this is one of the six versions there are.</summary>
    public static bool IsKnown(this NvspVersion version) => version
        is NvspVersion.V1 or NvspVersion.V2 or NvspVersion.V4 or NvspVersion.V5 or NvspVersion.V6 or NvspVersion.V61;

    /// <summary>Bytes of what the host sends: guests check it.</summary>
    public static int MessageBytes(this NvspVersion version) => version >= NvspVersion.V61 ? 40 : 32;

    /// <summary>Whether the guest may ask for sub-channels.</summary>
    public static bool HasSubchannels(this NvspVersion version) => version >= NvspVersion.V5;

    /// <summary>Whether the guest puts coalesced segments together.</summary>
    public static bool HasCoalescing(this NvspVersion version) => version >= NvspVersion.V61;
}
