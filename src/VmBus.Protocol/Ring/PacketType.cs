namespace VmBus.Protocol.Ring;

/// <summary>Kinds of ring packets; a guest may send any other number. Source: protocol-spec/ring.md#packet-types.</summary>
public enum PacketType : ushort
{
    /// <summary>Data in the ring itself.</summary>
    DataInband = 0x6,

    /// <summary>Data in a buffer that was agreed on before (network receive), host to guest only.</summary>
    DataUsingTransferPages = 0x7,

    /// <summary>Data in a GPADL named in the packet.</summary>
    DataUsingGpadl = 0x8,

    /// <summary>Data in guest pages listed in the packet.</summary>
    DataUsingGpaDirect = 0x9,

    /// <summary>Asks for a request to be cancelled.</summary>
    CancelRequest = 0xA,

    /// <summary>Ends the request with the same transaction id.</summary>
    Completion = 0xB,
}
