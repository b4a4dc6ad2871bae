namespace VmBus.Protocol.Storage;

/// <summary>What a storage packet asks or says; a guest may send any other number. Source: protocol-spec/storage.md#operations.</summary>
public enum VstorOperation : uint
{
    /// <summary>Host: the answer to any request.</summary>
    CompleteIo = 1,

    /// <summary>Host, unasked: a logical unit went away.</summary>
    RemoveDevice = 2,

    /// <summary>Guest: runs one SCSI command.</summary>
    ExecuteSrb = 3,

    /// <summary>Guest: ends every command of one logical unit.</summary>
    ResetLun = 4,

    /// <summary>Guest: ends every command of the controller.</summary>
    ResetAdapter = 5,

    /// <summary>Guest: ends every command of one bus.</summary>
    ResetBus = 6,

    /// <summary>Guest: starts the handshake, again if need be.</summary>
    BeginInitialization = 7,

    /// <summary>Guest: ends the handshake; commands may follow.</summary>
    EndInitialization = 8,

    /// <summary>Guest: proposes one protocol version.</summary>
    QueryProtocolVersion = 9,

    /// <summary>Guest: asks for the limits of the channel.</summary>
    QueryProperties = 10,

    /// <summary>Host, unasked: logical units came or went; look again.</summary>
    EnumerateBus = 11,

    /// <summary>Fibre Channel addresses; no controller of this host has them.</summary>
    FibreChannelData = 12,

    /// <summary>Guest: asks for more channels to the same controller.</summary>
    CreateSubchannels = 13,
}
