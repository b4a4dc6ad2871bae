namespace VmBus.Protocol.Storage;

/// <summary>Versions of the storage protocol, major in the upper byte. Source: protocol-spec/storage.md#versions.</summary>
public enum VstorVersion : ushort
{
    /// <summary>Nothing agreed yet.</summary>
    None = 0,

    /// <summary>2.0: Windows Server 2008.</summary>
    Win6 = 0x0200,

    /// <summary>4.2: Windows Server 2008 R2; adds bus enumeration notices.</summary>
    Win7 = 0x0402,

    /// <summary>5.1: Windows Server 2012; adds sub-channels and the longer request block.</summary>
    Win8 = 0x0501,

    /// <summary>6.0: Windows Server 2012 R2.</summary>
    Win81 = 0x0600,

    /// <summary>6.2: Windows Server 2016 and later.</summary>
    Win10 = 0x0602,
}

/// <summary>What a version brings.</summary>
public static class VstorVersions
{
    /// <summary>Packets of versions before 5.1: the header and a short request block.</summary>
    public const int ShortPacketBytes = VstorHeader.Size + ScsiRequestBlock.ShortSize;

    /// <summary>Packets of version 5.1 and later, and the largest that a guest takes: its receive buffer holds no more.</summary>
    public const int PacketBytes = VstorHeader.Size + ScsiRequestBlock.Size;

    /// <summary>Whether this is one of the five versions there are.</summary>
    public static bool IsKnown(this VstorVersion version) => version
        is VstorVersion.Win6 or VstorVersion.Win7 or VstorVersion.Win8 or VstorVersion.Win81 or VstorVersion.Win10;

    /// <summary>Bytes of a packet that the host sends unasked. Answers have the size of their request instead.</summary>
    public static int NoticeBytes(this VstorVersion version) => version >= VstorVersion.Win8 ? PacketBytes : ShortPacketBytes;

    /// <summary>Whether the guest may ask for sub-channels.</summary>
    public static bool HasSubchannels(this VstorVersion version) => version >= VstorVersion.Win8;

    /// <summary>Whether the guest understands <see cref="VstorOperation.EnumerateBus"/>.</summary>
    public static bool HasBusNotices(this VstorVersion version) => version >= VstorVersion.Win7;
}
