namespace VmBus.Protocol.Network;

/// <summary>Messages between network driver and host, the first 32 bits of a packet's payload; any other number may arrive.</summary>
/// <remarks>Source: protocol-spec/network.md#messages.</remarks>
public enum NvspMessageType : uint
{
    /// <summary>Nothing; never sent.</summary>
    None = 0,

    /// <summary>Guest: proposes a version.</summary>
    Initialize = 1,

    /// <summary>Answer to <see cref="Initialize"/>.</summary>
    InitializeComplete = 2,

    /// <summary>Guest: says which NDIS it speaks.</summary>
    SendNdisVersion = 100,

    /// <summary>Guest: gives the buffer that frames are received into.</summary>
    SendReceiveBuffer = 101,

    /// <summary>Answer to <see cref="SendReceiveBuffer"/>.</summary>
    SendReceiveBufferComplete = 102,

    /// <summary>Guest: takes the receive buffer back.</summary>
    RevokeReceiveBuffer = 103,

    /// <summary>Guest: gives the buffer that frames are sent from.</summary>
    SendSendBuffer = 104,

    /// <summary>Answer to <see cref="SendSendBuffer"/>.</summary>
    SendSendBufferComplete = 105,

    /// <summary>Guest: takes the send buffer back.</summary>
    RevokeSendBuffer = 106,

    /// <summary>Both: RNDIS messages.</summary>
    SendRndisPacket = 107,

    /// <summary>Answer to <see cref="SendRndisPacket"/>, both ways.</summary>
    SendRndisPacketComplete = 108,

    /// <summary>Guest: its MTU and what it can do.</summary>
    SendNdisConfiguration = 125,

    /// <summary>Host: a virtual function belongs to this adapter.</summary>
    VirtualFunctionAssociation = 128,

    /// <summary>Guest: frames go by the virtual function, or not.</summary>
    SwitchDataPath = 129,

    /// <summary>Guest: an OID as NDIS has it.</summary>
    OidQuery = 131,

    /// <summary>Answer to <see cref="OidQuery"/>.</summary>
    OidQueryComplete = 132,

    /// <summary>Guest: asks for sub-channels, and the answer.</summary>
    Subchannel = 133,

    /// <summary>Host: which channel the guest is to send a flow on.</summary>
    SendIndirectionTable = 134,

    /// <summary>Guest: packet direct; not served.</summary>
    PacketDirect = 135,
}
