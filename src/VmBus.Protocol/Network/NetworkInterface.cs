namespace VmBus.Protocol.Network;

/// <summary>What tells a network offer from others, and fixed numbers of its protocol. Source: protocol-spec/network.md#offer.</summary>
public static class NetworkInterface
{
    /// <summary>Interface type of a synthetic network adapter.</summary>
    public static readonly Guid Synthetic = new("f8615163-df3e-46c5-913f-f2d2f965ed0e");

    /// <summary>How Linux, FreeBSD and DPDK name their receive buffer; frames are sent under the name that the guest gave.</summary>
    public const ushort ReceiveBufferId = 0xCAFE;

    /// <summary>A section index that names none.</summary>
    public const uint NoSection = 0xFFFF_FFFF;

    /// <summary>Ranges of one transfer-pages packet at most: what Windows takes; Linux would take 562.</summary>
    public const int MaximumRanges = 375;

    /// <summary>Entries of <see cref="NvspMessageType.SendIndirectionTable"/>, always.</summary>
    public const int SendTableEntries = 16;
}
