namespace VmBus.Protocol.VhostUser;

/// <summary>Requests of a front-end. Source: the vhost-user protocol, Front-end message types; protocol-spec/vhost-user.md#messages.</summary>
public enum VhostUserRequest : uint
{
    /// <summary>VHOST_USER_GET_FEATURES.</summary>
    GetFeatures = 1,

    /// <summary>VHOST_USER_SET_FEATURES.</summary>
    SetFeatures = 2,

    /// <summary>VHOST_USER_SET_OWNER.</summary>
    SetOwner = 3,

    /// <summary>VHOST_USER_RESET_OWNER.</summary>
    ResetOwner = 4,

    /// <summary>VHOST_USER_SET_MEM_TABLE.</summary>
    SetMemoryTable = 5,

    /// <summary>VHOST_USER_SET_LOG_BASE.</summary>
    SetLogBase = 6,

    /// <summary>VHOST_USER_SET_LOG_FD.</summary>
    SetLogDescriptor = 7,

    /// <summary>VHOST_USER_SET_VRING_NUM.</summary>
    SetQueueSize = 8,

    /// <summary>VHOST_USER_SET_VRING_ADDR.</summary>
    SetQueueAddresses = 9,

    /// <summary>VHOST_USER_SET_VRING_BASE.</summary>
    SetQueueBase = 10,

    /// <summary>VHOST_USER_GET_VRING_BASE.</summary>
    GetQueueBase = 11,

    /// <summary>VHOST_USER_SET_VRING_KICK.</summary>
    SetQueueKick = 12,

    /// <summary>VHOST_USER_SET_VRING_CALL.</summary>
    SetQueueCall = 13,

    /// <summary>VHOST_USER_SET_VRING_ERR.</summary>
    SetQueueError = 14,

    /// <summary>VHOST_USER_GET_PROTOCOL_FEATURES.</summary>
    GetProtocolFeatures = 15,

    /// <summary>VHOST_USER_SET_PROTOCOL_FEATURES.</summary>
    SetProtocolFeatures = 16,

    /// <summary>VHOST_USER_GET_QUEUE_NUM.</summary>
    GetQueueCount = 17,

    /// <summary>VHOST_USER_SET_VRING_ENABLE.</summary>
    SetQueueEnable = 18,

    /// <summary>VHOST_USER_SET_BACKEND_REQ_FD.</summary>
    SetBackendRequests = 21,

    /// <summary>VHOST_USER_GET_CONFIG.</summary>
    GetConfig = 24,

    /// <summary>VHOST_USER_SET_CONFIG.</summary>
    SetConfig = 25,

    /// <summary>VHOST_USER_GET_INFLIGHT_FD.</summary>
    GetInflight = 31,

    /// <summary>VHOST_USER_SET_INFLIGHT_FD.</summary>
    SetInflight = 32,

    /// <summary>VHOST_USER_RESET_DEVICE.</summary>
    ResetDevice = 34,

    /// <summary>VHOST_USER_GET_MAX_MEM_SLOTS.</summary>
    GetMaximumMemorySlots = 36,

    /// <summary>VHOST_USER_ADD_MEM_REG.</summary>
    AddMemoryRegion = 37,

    /// <summary>VHOST_USER_REM_MEM_REG.</summary>
    RemoveMemoryRegion = 38,

    /// <summary>VHOST_USER_SET_STATUS.</summary>
    SetStatus = 39,

    /// <summary>VHOST_USER_GET_STATUS.</summary>
    GetStatus = 40,
}

/// <summary>Requests of a back-end, on the socket that it was given for them.</summary>
public enum VhostUserBackendRequest : uint
{
    /// <summary>VHOST_USER_BACKEND_CONFIG_CHANGE_MSG: the configuration space has changed.</summary>
    ConfigChanged = 2,
}

/// <summary>Protocol features. Source: the vhost-user protocol, Protocol features.</summary>
[Flags]
public enum VhostUserFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VHOST_USER_PROTOCOL_F_MQ.</summary>
    MultiQueue = 1UL << 0,

    /// <summary>VHOST_USER_PROTOCOL_F_LOG_SHMFD.</summary>
    LogSharedMemory = 1UL << 1,

    /// <summary>VHOST_USER_PROTOCOL_F_REPLY_ACK.</summary>
    ReplyAck = 1UL << 3,

    /// <summary>VHOST_USER_PROTOCOL_F_BACKEND_REQ.</summary>
    BackendRequests = 1UL << 5,

    /// <summary>VHOST_USER_PROTOCOL_F_CONFIG.</summary>
    Config = 1UL << 9,

    /// <summary>VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD.</summary>
    InflightSharedMemory = 1UL << 12,

    /// <summary>VHOST_USER_PROTOCOL_F_RESET_DEVICE.</summary>
    ResetDevice = 1UL << 13,

    /// <summary>VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS.</summary>
    ConfigureMemorySlots = 1UL << 15,

    /// <summary>VHOST_USER_PROTOCOL_F_STATUS.</summary>
    Status = 1UL << 16,
}
