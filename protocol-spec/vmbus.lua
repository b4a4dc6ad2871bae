-- Shows what 'vmbus trace' records (protocol-spec/trace.md) in Wireshark and tshark: as a file in the folder of personal Lua plugins,
-- or by 'tshark -X lua_script:vmbus.lua -r FILE'. Made of the tables of protocol-spec/*.md by tests/VmBus.Dissector: a change belongs there.

local names = {
    kinds = { -- trace.md#kinds
        [1] = "Message",
        [2] = "Packet",
        [3] = "Channel",
        [4] = "Signal",
        [5] = "Rings",
    },
    trace_directions = { -- trace.md#directions
        [0] = "None",
        [1] = "FromGuest",
        [2] = "FromHost",
    },
    states = { -- trace.md#states
        [0] = "Unoffered",
        [1] = "Offered",
        [2] = "Opening",
        [3] = "Open",
        [4] = "Closing",
        [5] = "Rescinded",
        [6] = "Released",
    },
    moments = { -- trace.md#moments
        [1] = "Opened",
        [2] = "Idle",
        [3] = "WaitingForSpace",
        [4] = "Closed",
        [5] = "Failed",
    },
    messages = { -- channel-messages.md#messages
        [1] = "OFFER_CHANNEL",
        [2] = "RESCIND_CHANNEL_OFFER",
        [3] = "REQUEST_OFFERS",
        [4] = "ALL_OFFERS_DELIVERED",
        [5] = "OPEN_CHANNEL",
        [6] = "OPEN_CHANNEL_RESULT",
        [7] = "CLOSE_CHANNEL",
        [8] = "GPADL_HEADER",
        [9] = "GPADL_BODY",
        [10] = "GPADL_CREATED",
        [11] = "GPADL_TEARDOWN",
        [12] = "GPADL_TORNDOWN",
        [13] = "RELID_RELEASED",
        [14] = "INITIATE_CONTACT",
        [15] = "VERSION_RESPONSE",
        [16] = "UNLOAD",
        [17] = "UNLOAD_RESPONSE",
        [18] = "OPEN_RESERVED_CHANNEL",
        [19] = "CLOSE_RESERVED_CHANNEL",
        [20] = "CLOSE_RESERVED_CHANNEL_RESPONSE",
        [21] = "TL_CONNECT_REQUEST",
        [22] = "MODIFYCHANNEL",
        [23] = "TL_CONNECT_RESULT",
        [24] = "MODIFYCHANNEL_RESPONSE",
        [25] = "MODIFY_CONNECTION",
        [26] = "MODIFY_CONNECTION_RESPONSE",
        [27] = "PAUSE",
        [28] = "PAUSE_RESPONSE",
        [29] = "RESUME",
    },
    vmbus_versions = { -- channel.md#versions
        [13] = "0.13",
        [0x10001] = "1.1",
        [0x20004] = "2.4",
        [0x30000] = "3.0",
        [0x40000] = "4.0",
        [0x40001] = "4.1",
        [0x50000] = "5.0",
        [0x50001] = "5.1",
        [0x50002] = "5.2",
        [0x50003] = "5.3",
        [0x60000] = "6.0",
    },
    offer_flags = { -- channel-messages.md#offer-flags
        [1] = "enumerate device interface",
        [2] = "confidential ring buffer",
        [4] = "confidential external memory",
        [8] = "pinned external memory",
        [16] = "named pipe mode",
        [0x2000] = "transport provider",
    },
    status = { -- channel-messages.md#status
        [0] = "success",
        [0xC000000D] = "invalid parameter",
        [0xC000009A] = "insufficient resources",
        [0xC0000236] = "connection refused",
        [0x8000FFFF] = "unexpected",
    },
    packet_types = { -- ring.md#packet-types
        [6] = "data inband",
        [7] = "data using transfer pages",
        [8] = "data using GPADL",
        [9] = "data using GPA direct",
        [10] = "cancel request",
        [11] = "completion",
        [0] = "invalid",
        [1] = "synch",
        [2] = "add transfer page set",
        [3] = "remove transfer page set",
        [4] = "establish GPADL",
        [5] = "tear down GPADL",
        [12] = "data using additional packets",
        [13] = "additional data",
    },
    packet_flags = { -- ring.md#packet-flags
        [1] = "completion requested",
    },
    operations = { -- storage.md#operations
        [1] = "CompleteIo",
        [2] = "RemoveDevice",
        [3] = "ExecuteSrb",
        [4] = "ResetLun",
        [5] = "ResetAdapter",
        [6] = "ResetBus",
        [7] = "BeginInitialization",
        [8] = "EndInitialization",
        [9] = "QueryProtocolVersion",
        [10] = "QueryProperties",
        [11] = "EnumerateBus",
        [12] = "FibreChannelData",
        [13] = "CreateSubchannels",
    },
    vstor_versions = { -- storage.md#versions
        [0x200] = "2.0",
        [0x402] = "4.2",
        [0x501] = "5.1",
        [0x600] = "6.0",
        [0x602] = "6.2",
    },
    vstor_directions = { -- storage.md#directions
        [0] = "Write",
        [1] = "Read",
        [2] = "Unknown",
    },
    outcomes = { -- storage.md#request-outcomes
        [0] = "Pending",
        [1] = "Success",
        [2] = "Aborted",
        [4] = "Error",
        [5] = "Busy",
        [6] = "InvalidRequest",
        [32] = "InvalidLun",
        [128] = "AutosenseValid",
    },
    vstor_status = { -- storage.md#status-values
        [0] = "Success",
        [0x80000011] = "DeviceBusy",
        [0xC000000D] = "InvalidParameter",
        [0xC0000010] = "InvalidDeviceRequest",
        [0xC0000059] = "RevisionMismatch",
        [0xC00000C0] = "DeviceDoesNotExist",
        [0xC0000120] = "Cancelled",
        [0xC0000184] = "InvalidDeviceState",
        [0xC0000185] = "IoDeviceError",
    },
    commands = { -- scsi.md#disk-commands
        [0] = "TEST UNIT READY",
        [3] = "REQUEST SENSE",
        [8] = "READ (6)",
        [10] = "WRITE (6)",
        [18] = "INQUIRY",
        [21] = "MODE SELECT (6)",
        [22] = "RESERVE (6)",
        [23] = "RELEASE (6)",
        [26] = "MODE SENSE (6)",
        [27] = "START STOP UNIT",
        [30] = "PREVENT ALLOW MEDIUM REMOVAL",
        [37] = "READ CAPACITY (10)",
        [40] = "READ (10)",
        [42] = "WRITE (10)",
        [46] = "WRITE AND VERIFY (10)",
        [47] = "VERIFY (10)",
        [52] = "PRE-FETCH (10)",
        [53] = "SYNCHRONIZE CACHE (10)",
        [65] = "WRITE SAME (10)",
        [66] = "UNMAP",
        [85] = "MODE SELECT (10)",
        [86] = "RESERVE (10)",
        [87] = "RELEASE (10)",
        [90] = "MODE SENSE (10)",
        [94] = "PERSISTENT RESERVE IN",
        [95] = "PERSISTENT RESERVE OUT",
        [136] = "READ (16)",
        [137] = "COMPARE AND WRITE",
        [138] = "WRITE (16)",
        [142] = "WRITE AND VERIFY (16)",
        [143] = "VERIFY (16)",
        [144] = "PRE-FETCH (16)",
        [145] = "SYNCHRONIZE CACHE (16)",
        [147] = "WRITE SAME (16)",
        [158] = "READ CAPACITY (16)",
        [160] = "REPORT LUNS",
        [163] = "REPORT SUPPORTED OPERATION CODES",
        [168] = "READ (12)",
        [170] = "WRITE (12)",
        [174] = "WRITE AND VERIFY (12)",
        [175] = "VERIFY (12)",
    },
    dvd_commands = { -- scsi.md#dvd-commands
        [0] = "TEST UNIT READY",
        [3] = "REQUEST SENSE",
        [18] = "INQUIRY",
        [21] = "MODE SELECT (6)",
        [22] = "RESERVE (6)",
        [23] = "RELEASE (6)",
        [26] = "MODE SENSE (6)",
        [27] = "START STOP UNIT",
        [30] = "PREVENT ALLOW MEDIUM REMOVAL",
        [37] = "READ CAPACITY (10)",
        [40] = "READ (10)",
        [43] = "SEEK (10)",
        [47] = "VERIFY (10)",
        [53] = "SYNCHRONIZE CACHE (10)",
        [67] = "READ TOC/PMA/ATIP",
        [70] = "GET CONFIGURATION",
        [74] = "GET EVENT STATUS NOTIFICATION",
        [81] = "READ DISC INFORMATION",
        [82] = "READ TRACK INFORMATION",
        [85] = "MODE SELECT (10)",
        [86] = "RESERVE (10)",
        [87] = "RELEASE (10)",
        [90] = "MODE SENSE (10)",
        [160] = "REPORT LUNS",
        [163] = "REPORT SUPPORTED OPERATION CODES",
        [168] = "READ (12)",
        [173] = "READ DVD STRUCTURE",
        [187] = "SET CD SPEED",
        [189] = "MECHANISM STATUS",
    },
    nvsp_messages = { -- network.md#messages
        [1] = "Initialize",
        [2] = "InitializeComplete",
        [100] = "SendNdisVersion",
        [101] = "SendReceiveBuffer",
        [102] = "SendReceiveBufferComplete",
        [103] = "RevokeReceiveBuffer",
        [104] = "SendSendBuffer",
        [105] = "SendSendBufferComplete",
        [106] = "RevokeSendBuffer",
        [107] = "SendRndisPacket",
        [108] = "SendRndisPacketComplete",
        [125] = "SendNdisConfiguration",
        [128] = "VirtualFunctionAssociation",
        [129] = "SwitchDataPath",
        [131] = "OidQuery",
        [132] = "OidQueryComplete",
        [133] = "Subchannel",
        [134] = "SendIndirectionTable",
        [135] = "PacketDirect",
    },
    nvsp_versions = { -- network.md#versions
        [2] = "1",
        [0x30002] = "2",
        [0x40000] = "4",
        [0x50000] = "5",
        [0x60000] = "6.0",
        [0x60001] = "6.1",
    },
    nvsp_status = { -- network.md#status-values
        [1] = "Success",
        [2] = "Failure",
        [3] = "VersionTooNew",
        [4] = "VersionTooOld",
        [5] = "InvalidRndisPacket",
        [6] = "Busy",
        [7] = "ProtocolUnsupported",
    },
    nvsp_channels = { -- network.md#channel-types
        [0] = "Data",
        [1] = "Control",
    },
    capabilities = { -- network.md#capabilities
        [1] = "Vmq",
        [2] = "Chimney",
        [4] = "Sriov",
        [8] = "Ieee8021Q",
        [16] = "CorrelationId",
        [32] = "Teaming",
        [64] = "VirtualSubnetId",
        [128] = "Rsc",
    },
    ic_types = { -- integration.md#message-types
        [0] = "Negotiate",
        [1] = "Heartbeat",
        [2] = "Key-value exchange",
        [3] = "Shutdown",
        [4] = "Time sync",
        [5] = "Backup",
        [6] = "Remote desktop",
        [7] = "File copy",
        [8] = "Session",
    },
    ic_flags = { -- integration.md#flags
        [1] = "Transaction",
        [2] = "Request",
        [4] = "Response",
    },
    ic_status = { -- integration.md#status-values
        [0] = "Success",
        [0x80004005] = "Fail",
        [0x80070103] = "No more items",
        [0x80070032] = "Not supported",
        [0x800704F7] = "Machine locked",
        [0x8007048F] = "Not connected",
        [0x80070057] = "Invalid argument",
        [0x80041002] = "GUID not found",
        [0x80070050] = "Already exists",
        [0x80070070] = "Disk full",
    },
    shutdown_flags = { -- integration.md#shutdown-flags
        [0] = "Power off",
        [1] = "Force",
        [2] = "Reboot",
        [4] = "Hibernate",
    },
    applications = { -- integration.md#application-states
        [0] = "Unknown",
        [1] = "Healthy",
        [2] = "Critical",
        [3] = "Stopped",
    },
    time_kinds = { -- integration.md#time-kinds
        [0] = "Probe",
        [1] = "Sync",
        [2] = "Sample",
    },
    kvp_operations = { -- integration-data.md#key-value-operations
        [0] = "Get",
        [1] = "Set",
        [2] = "Delete",
        [3] = "Enumerate",
        [4] = "Get addresses",
        [5] = "Set addresses",
    },
    pools = { -- integration-data.md#pools
        [0] = "External",
        [1] = "Guest",
        [2] = "Auto",
        [3] = "Auto external",
        [4] = "Auto internal",
    },
    value_types = { -- integration-data.md#value-types
        [1] = "Text",
        [2] = "Expandable text",
        [4] = "UInt32",
        [11] = "UInt64",
    },
    families = { -- integration-data.md#address-families
        [1] = "IPv4",
        [2] = "IPv6",
    },
    backup_operations = { -- integration-data.md#backup-operations
        [0] = "Create",
        [1] = "Delete",
        [2] = "Check hot backup",
        [3] = "Get direct mapped info",
        [4] = "Complete",
        [5] = "Freeze",
        [6] = "Thaw",
        [7] = "Auto recover",
        [8] = "Query cluster",
    },
    file_operations = { -- integration-data.md#file-copy-operations
        [0] = "Start",
        [1] = "Write",
        [2] = "Complete",
        [3] = "Cancel",
    },
    file_flags = { -- integration-data.md#file-copy-flags
        [1] = "Overwrite",
        [2] = "Create path",
    },
    dm_types = { -- dynamic-memory.md#message-types
        [0] = "Error",
        [1] = "Version request",
        [2] = "Version response",
        [3] = "Capabilities report",
        [4] = "Capabilities response",
        [5] = "Status report",
        [6] = "Balloon request",
        [7] = "Balloon response",
        [8] = "Unballoon request",
        [9] = "Unballoon response",
        [10] = "Hot-add request",
        [11] = "Hot-add response",
        [12] = "Info",
    },
}

local fields = {
    ["msg.type"] = ProtoField.uint32("vmbus.msg.type", "type", base.DEC, names.messages),
    ["msg.interface_type"] = ProtoField.guid("vmbus.msg.interface_type", "interface type"),
    ["msg.interface_instance"] = ProtoField.guid("vmbus.msg.interface_instance", "interface instance"),
    ["msg.flags"] = ProtoField.uint16("vmbus.msg.flags", "flags", base.HEX),
    ["msg.mmio_megabytes"] = ProtoField.uint16("vmbus.msg.mmio_megabytes", "mmio megabytes", base.DEC),
    ["msg.user_defined"] = ProtoField.bytes("vmbus.msg.user_defined", "user defined"),
    ["msg.subchannel_index"] = ProtoField.uint16("vmbus.msg.subchannel_index", "subchannel index", base.DEC),
    ["msg.optional_mmio_megabytes"] = ProtoField.uint16("vmbus.msg.optional_mmio_megabytes", "optional mmio megabytes", base.DEC),
    ["msg.channel_id"] = ProtoField.uint32("vmbus.msg.channel_id", "channel id", base.DEC),
    ["msg.monitor_id"] = ProtoField.uint8("vmbus.msg.monitor_id", "monitor id", base.DEC),
    ["msg.monitor_allocated"] = ProtoField.uint8("vmbus.msg.monitor_allocated", "monitor allocated", base.DEC),
    ["msg.dedicated_interrupt"] = ProtoField.uint16("vmbus.msg.dedicated_interrupt", "dedicated interrupt", base.DEC),
    ["msg.connection_id"] = ProtoField.uint32("vmbus.msg.connection_id", "connection id", base.HEX),
    ["msg.open_id"] = ProtoField.uint32("vmbus.msg.open_id", "open id", base.DEC),
    ["msg.ring_gpadl_id"] = ProtoField.uint32("vmbus.msg.ring_gpadl_id", "ring gpadl id", base.HEX),
    ["msg.target_processor"] = ProtoField.uint32("vmbus.msg.target_processor", "target processor", base.DEC),
    ["msg.downstream_page_offset"] = ProtoField.uint32("vmbus.msg.downstream_page_offset", "downstream page offset", base.DEC),
    ["msg.user_data"] = ProtoField.bytes("vmbus.msg.user_data", "user data"),
    ["msg.event_flag"] = ProtoField.uint16("vmbus.msg.event_flag", "event flag", base.HEX),
    ["msg.status"] = ProtoField.uint32("vmbus.msg.status", "status", base.HEX, names.status),
    ["msg.gpadl_id"] = ProtoField.uint32("vmbus.msg.gpadl_id", "gpadl id", base.HEX),
    ["msg.range_bytes"] = ProtoField.uint16("vmbus.msg.range_bytes", "range bytes", base.DEC),
    ["msg.range_count"] = ProtoField.uint16("vmbus.msg.range_count", "range count", base.DEC),
    ["msg.ranges"] = ProtoField.bytes("vmbus.msg.ranges", "ranges"),
    ["msg.sequence"] = ProtoField.uint32("vmbus.msg.sequence", "sequence", base.DEC),
    ["msg.version"] = ProtoField.uint32("vmbus.msg.version", "version", base.HEX, names.vmbus_versions),
    ["msg.target_info"] = ProtoField.uint64("vmbus.msg.target_info", "target info", base.HEX),
    ["msg.parent_to_child_monitor_page"] = ProtoField.uint64("vmbus.msg.parent_to_child_monitor_page", "parent to child monitor page", base.HEX),
    ["msg.child_to_parent_monitor_page"] = ProtoField.uint64("vmbus.msg.child_to_parent_monitor_page", "child to parent monitor page", base.HEX),
    ["msg.client_id"] = ProtoField.guid("vmbus.msg.client_id", "client id"),
    ["msg.supported"] = ProtoField.uint8("vmbus.msg.supported", "supported", base.DEC),
    ["msg.version_response_status"] = ProtoField.uint8("vmbus.msg.version_response_status", "status", base.DEC),
    ["msg.version_or_connection_id"] = ProtoField.uint32("vmbus.msg.version_or_connection_id", "version or connection id", base.HEX),
    ["msg.features"] = ProtoField.uint32("vmbus.msg.features", "features", base.HEX),
    ["msg.target_interrupt"] = ProtoField.uint32("vmbus.msg.target_interrupt", "target interrupt", base.DEC),
    ["msg.endpoint_id"] = ProtoField.guid("vmbus.msg.endpoint_id", "endpoint id"),
    ["msg.service_id"] = ProtoField.guid("vmbus.msg.service_id", "service id"),
    ["msg.silo_id"] = ProtoField.guid("vmbus.msg.silo_id", "silo id"),
    ["msg.modify_connection_response_status"] = ProtoField.uint8("vmbus.msg.modify_connection_response_status", "status", base.DEC),
    ["trace.format"] = ProtoField.uint8("vmbus.trace.format", "format", base.DEC),
    ["trace.kind"] = ProtoField.uint8("vmbus.trace.kind", "kind", base.DEC, names.kinds),
    ["trace.direction"] = ProtoField.uint8("vmbus.trace.direction", "direction", base.DEC, names.trace_directions),
    ["trace.channel_id"] = ProtoField.uint32("vmbus.trace.channel_id", "channel id", base.DEC),
    ["trace.subchannel_index"] = ProtoField.uint16("vmbus.trace.subchannel_index", "subchannel index", base.DEC),
    ["trace.offer_flags"] = ProtoField.uint16("vmbus.trace.offer_flags", "offer flags", base.HEX),
    ["trace.version"] = ProtoField.uint32("vmbus.trace.version", "version", base.HEX, names.vmbus_versions),
    ["trace.interface_type"] = ProtoField.guid("vmbus.trace.interface_type", "interface type"),
    ["trace.interface_instance"] = ProtoField.guid("vmbus.trace.interface_instance", "interface instance"),
    ["trace.connection_id"] = ProtoField.uint32("vmbus.trace.connection_id", "connection id", base.HEX),
    ["trace.state"] = ProtoField.uint32("vmbus.trace.state", "state", base.DEC, names.states),
    ["trace.moment"] = ProtoField.uint32("vmbus.trace.moment", "moment", base.DEC, names.moments),
    ["trace.from_guest_bytes"] = ProtoField.uint32("vmbus.trace.from_guest_bytes", "from guest bytes", base.DEC),
    ["trace.to_guest_bytes"] = ProtoField.uint32("vmbus.trace.to_guest_bytes", "to guest bytes", base.DEC),
    ["trace.from_guest_write_index"] = ProtoField.uint32("vmbus.trace.from_guest_write_index", "from guest write index", base.DEC),
    ["trace.from_guest_read_index"] = ProtoField.uint32("vmbus.trace.from_guest_read_index", "from guest read index", base.DEC),
    ["trace.from_guest_interrupt_mask"] = ProtoField.uint32("vmbus.trace.from_guest_interrupt_mask", "from guest interrupt mask", base.DEC),
    ["trace.from_guest_pending_send_size"] = ProtoField.uint32("vmbus.trace.from_guest_pending_send_size", "from guest pending send size", base.DEC),
    ["trace.from_guest_feature_bits"] = ProtoField.uint32("vmbus.trace.from_guest_feature_bits", "from guest feature bits", base.HEX),
    ["trace.to_guest_write_index"] = ProtoField.uint32("vmbus.trace.to_guest_write_index", "to guest write index", base.DEC),
    ["trace.to_guest_read_index"] = ProtoField.uint32("vmbus.trace.to_guest_read_index", "to guest read index", base.DEC),
    ["trace.to_guest_interrupt_mask"] = ProtoField.uint32("vmbus.trace.to_guest_interrupt_mask", "to guest interrupt mask", base.DEC),
    ["trace.to_guest_pending_send_size"] = ProtoField.uint32("vmbus.trace.to_guest_pending_send_size", "to guest pending send size", base.DEC),
    ["trace.to_guest_feature_bits"] = ProtoField.uint32("vmbus.trace.to_guest_feature_bits", "to guest feature bits", base.HEX),
    ["trace.host_read_index"] = ProtoField.uint32("vmbus.trace.host_read_index", "host read index", base.DEC),
    ["trace.host_write_index"] = ProtoField.uint32("vmbus.trace.host_write_index", "host write index", base.DEC),
    ["trace.host_pending_send_size"] = ProtoField.uint32("vmbus.trace.host_pending_send_size", "host pending send size", base.DEC),
    ["ring.type"] = ProtoField.uint16("vmbus.ring.type", "type", base.DEC, names.packet_types),
    ["ring.header_length"] = ProtoField.uint16("vmbus.ring.header_length", "header length", base.DEC),
    ["ring.total_length"] = ProtoField.uint16("vmbus.ring.total_length", "total length", base.DEC),
    ["ring.flags"] = ProtoField.uint16("vmbus.ring.flags", "flags", base.HEX),
    ["ring.transaction_id"] = ProtoField.uint64("vmbus.ring.transaction_id", "transaction id", base.HEX),
    ["ring.range_count"] = ProtoField.uint32("vmbus.ring.range_count", "range count", base.DEC),
    ["ring.byte_count"] = ProtoField.uint32("vmbus.ring.byte_count", "byte count", base.DEC),
    ["ring.byte_offset"] = ProtoField.uint32("vmbus.ring.byte_offset", "byte offset", base.DEC),
    ["ring.page_numbers"] = ProtoField.bytes("vmbus.ring.page_numbers", "page numbers"),
    ["ring.page_set_id"] = ProtoField.uint16("vmbus.ring.page_set_id", "page set id", base.HEX),
    ["ring.sender_owns_set"] = ProtoField.uint8("vmbus.ring.sender_owns_set", "sender owns set", base.DEC),
    ["scsi.operation"] = ProtoField.uint32("vmbus.scsi.operation", "operation", base.DEC, names.operations),
    ["scsi.flags"] = ProtoField.uint32("vmbus.scsi.flags", "flags", base.HEX),
    ["scsi.status"] = ProtoField.uint32("vmbus.scsi.status", "status", base.HEX, names.vstor_status),
    ["scsi.version"] = ProtoField.uint16("vmbus.scsi.version", "version", base.HEX, names.vstor_versions),
    ["scsi.revision"] = ProtoField.uint16("vmbus.scsi.revision", "revision", base.DEC),
    ["scsi.sub_channels"] = ProtoField.uint16("vmbus.scsi.sub_channels", "sub-channels", base.DEC),
    ["scsi.transfer_bytes"] = ProtoField.uint32("vmbus.scsi.transfer_bytes", "transfer bytes", base.DEC),
    ["scsi.length"] = ProtoField.uint16("vmbus.scsi.length", "length", base.DEC),
    ["scsi.srb_status"] = ProtoField.uint8("vmbus.scsi.srb_status", "SRB status", base.HEX),
    ["scsi.scsi_status"] = ProtoField.uint8("vmbus.scsi.scsi_status", "SCSI status", base.HEX),
    ["scsi.port"] = ProtoField.uint8("vmbus.scsi.port", "port", base.DEC),
    ["scsi.path"] = ProtoField.uint8("vmbus.scsi.path", "path", base.DEC),
    ["scsi.target"] = ProtoField.uint8("vmbus.scsi.target", "target", base.DEC),
    ["scsi.lun"] = ProtoField.uint8("vmbus.scsi.lun", "LUN", base.DEC),
    ["scsi.cdb_bytes"] = ProtoField.uint8("vmbus.scsi.cdb_bytes", "CDB bytes", base.DEC),
    ["scsi.sense_bytes"] = ProtoField.uint8("vmbus.scsi.sense_bytes", "sense bytes", base.DEC),
    ["scsi.direction"] = ProtoField.uint8("vmbus.scsi.direction", "direction", base.DEC, names.vstor_directions),
    ["scsi.cdb_or_sense"] = ProtoField.bytes("vmbus.scsi.cdb_or_sense", "CDB or sense"),
    ["scsi.queue_tag"] = ProtoField.uint8("vmbus.scsi.queue_tag", "queue tag", base.DEC),
    ["scsi.queue_action"] = ProtoField.uint8("vmbus.scsi.queue_action", "queue action", base.HEX),
    ["scsi.srb_flags"] = ProtoField.uint32("vmbus.scsi.srb_flags", "SRB flags", base.HEX),
    ["scsi.timeout"] = ProtoField.uint32("vmbus.scsi.timeout", "timeout", base.DEC),
    ["scsi.queue_sort_key"] = ProtoField.uint32("vmbus.scsi.queue_sort_key", "queue sort key", base.DEC),
    ["nvsp.type"] = ProtoField.uint32("vmbus.nvsp.type", "type", base.DEC, names.nvsp_messages),
    ["nvsp.minimum_version"] = ProtoField.uint32("vmbus.nvsp.minimum_version", "minimum version", base.HEX, names.nvsp_versions),
    ["nvsp.maximum_version"] = ProtoField.uint32("vmbus.nvsp.maximum_version", "maximum version", base.HEX, names.nvsp_versions),
    ["nvsp.version"] = ProtoField.uint32("vmbus.nvsp.version", "version", base.DEC),
    ["nvsp.maximum_mdl_chain"] = ProtoField.uint32("vmbus.nvsp.maximum_mdl_chain", "maximum MDL chain", base.DEC),
    ["nvsp.status"] = ProtoField.uint32("vmbus.nvsp.status", "status", base.DEC, names.nvsp_status),
    ["nvsp.major"] = ProtoField.uint32("vmbus.nvsp.major", "major", base.DEC),
    ["nvsp.minor"] = ProtoField.uint32("vmbus.nvsp.minor", "minor", base.DEC),
    ["nvsp.mtu"] = ProtoField.uint32("vmbus.nvsp.mtu", "MTU", base.DEC),
    ["nvsp.capabilities"] = ProtoField.uint64("vmbus.nvsp.capabilities", "capabilities", base.HEX),
    ["nvsp.gpadl"] = ProtoField.uint32("vmbus.nvsp.gpadl", "GPADL", base.HEX),
    ["nvsp.id"] = ProtoField.uint16("vmbus.nvsp.id", "id", base.DEC),
    ["nvsp.section_runs"] = ProtoField.uint32("vmbus.nvsp.section_runs", "section runs", base.DEC),
    ["nvsp.offset"] = ProtoField.uint32("vmbus.nvsp.offset", "offset", base.DEC),
    ["nvsp.section_bytes"] = ProtoField.uint32("vmbus.nvsp.section_bytes", "section bytes", base.DEC),
    ["nvsp.section_count"] = ProtoField.uint32("vmbus.nvsp.section_count", "section count", base.DEC),
    ["nvsp.end_offset"] = ProtoField.uint32("vmbus.nvsp.end_offset", "end offset", base.DEC),
    ["nvsp.operation"] = ProtoField.uint32("vmbus.nvsp.operation", "operation", base.DEC),
    ["nvsp.count"] = ProtoField.uint32("vmbus.nvsp.count", "count", base.DEC),
    ["nvsp.table_offset"] = ProtoField.uint32("vmbus.nvsp.table_offset", "table offset", base.DEC),
    ["nvsp.table"] = ProtoField.bytes("vmbus.nvsp.table", "table"),
    ["nvsp.channel_type"] = ProtoField.uint32("vmbus.nvsp.channel_type", "channel type", base.DEC, names.nvsp_channels),
    ["nvsp.section_index"] = ProtoField.uint32("vmbus.nvsp.section_index", "section index", base.HEX),
    ["ic.pipe_type"] = ProtoField.uint32("vmbus.ic.pipe_type", "pipe type", base.DEC),
    ["ic.pipe_length"] = ProtoField.uint32("vmbus.ic.pipe_length", "pipe length", base.DEC),
    ["ic.framework_major"] = ProtoField.uint16("vmbus.ic.framework_major", "framework major", base.DEC),
    ["ic.framework_minor"] = ProtoField.uint16("vmbus.ic.framework_minor", "framework minor", base.DEC),
    ["ic.type"] = ProtoField.uint16("vmbus.ic.type", "type", base.DEC, names.ic_types),
    ["ic.version_major"] = ProtoField.uint16("vmbus.ic.version_major", "version major", base.DEC),
    ["ic.version_minor"] = ProtoField.uint16("vmbus.ic.version_minor", "version minor", base.DEC),
    ["ic.body_bytes"] = ProtoField.uint16("vmbus.ic.body_bytes", "body bytes", base.DEC),
    ["ic.status"] = ProtoField.uint32("vmbus.ic.status", "status", base.HEX, names.ic_status),
    ["ic.transaction"] = ProtoField.uint8("vmbus.ic.transaction", "transaction", base.DEC),
    ["ic.flags"] = ProtoField.uint8("vmbus.ic.flags", "flags", base.HEX),
    ["ic.negotiation.framework_count"] = ProtoField.uint16("vmbus.ic.negotiation.framework_count", "framework count", base.DEC),
    ["ic.negotiation.message_count"] = ProtoField.uint16("vmbus.ic.negotiation.message_count", "message count", base.DEC),
    ["ic.negotiation.versions"] = ProtoField.bytes("vmbus.ic.negotiation.versions", "versions"),
    ["ic.shutdown.reason"] = ProtoField.uint32("vmbus.ic.shutdown.reason", "reason", base.HEX),
    ["ic.shutdown.timeout"] = ProtoField.uint32("vmbus.ic.shutdown.timeout", "timeout", base.DEC),
    ["ic.shutdown.flags"] = ProtoField.uint32("vmbus.ic.shutdown.flags", "flags", base.HEX),
    ["ic.shutdown.text"] = ProtoField.string("vmbus.ic.shutdown.text", "text"),
    ["ic.heartbeat.sequence"] = ProtoField.uint64("vmbus.ic.heartbeat.sequence", "sequence", base.DEC),
    ["ic.heartbeat.applications"] = ProtoField.uint32("vmbus.ic.heartbeat.applications", "applications", base.DEC, names.applications),
    ["ic.time.parent_time"] = ProtoField.uint64("vmbus.ic.time.parent_time", "parent time", base.DEC),
    ["ic.time.reference_time"] = ProtoField.uint64("vmbus.ic.time.reference_time", "reference time", base.DEC),
    ["ic.time.kind"] = ProtoField.uint8("vmbus.ic.time.kind", "kind", base.DEC, names.time_kinds),
    ["ic.time.leap"] = ProtoField.uint8("vmbus.ic.time.leap", "leap", base.DEC),
    ["ic.time.stratum"] = ProtoField.uint8("vmbus.ic.time.stratum", "stratum", base.DEC),
    ["ic.time.child_time"] = ProtoField.uint64("vmbus.ic.time.child_time", "child time", base.DEC),
    ["ic.time.round_trip"] = ProtoField.uint64("vmbus.ic.time.round_trip", "round trip", base.DEC),
    ["ic.kvp.operation"] = ProtoField.uint8("vmbus.ic.kvp.operation", "operation", base.DEC, names.kvp_operations),
    ["ic.kvp.pool"] = ProtoField.uint8("vmbus.ic.kvp.pool", "pool", base.DEC, names.pools),
    ["ic.kvp.value"] = ProtoField.bytes("vmbus.ic.kvp.value", "value"),
    ["ic.kvp.key_bytes"] = ProtoField.uint32("vmbus.ic.kvp.key_bytes", "key bytes", base.DEC),
    ["ic.kvp.key"] = ProtoField.string("vmbus.ic.kvp.key", "key"),
    ["ic.kvp.index"] = ProtoField.uint32("vmbus.ic.kvp.index", "index", base.DEC),
    ["ic.kvp.type"] = ProtoField.uint32("vmbus.ic.kvp.type", "type", base.DEC, names.value_types),
    ["ic.kvp.value_bytes"] = ProtoField.uint32("vmbus.ic.kvp.value_bytes", "value bytes", base.DEC),
    ["ic.kvp.adapter"] = ProtoField.string("vmbus.ic.kvp.adapter", "adapter"),
    ["ic.kvp.families"] = ProtoField.uint8("vmbus.ic.kvp.families", "families", base.HEX),
    ["ic.kvp.dhcp"] = ProtoField.uint8("vmbus.ic.kvp.dhcp", "dhcp", base.DEC),
    ["ic.kvp.addresses"] = ProtoField.string("vmbus.ic.kvp.addresses", "addresses"),
    ["ic.kvp.subnets"] = ProtoField.string("vmbus.ic.kvp.subnets", "subnets"),
    ["ic.kvp.gateways"] = ProtoField.string("vmbus.ic.kvp.gateways", "gateways"),
    ["ic.kvp.name_servers"] = ProtoField.string("vmbus.ic.kvp.name_servers", "name servers"),
    ["ic.backup.operation"] = ProtoField.uint8("vmbus.ic.backup.operation", "operation", base.DEC, names.backup_operations),
    ["ic.backup.flags"] = ProtoField.uint32("vmbus.ic.backup.flags", "flags", base.HEX),
    ["ic.file.operation"] = ProtoField.uint32("vmbus.ic.file.operation", "operation", base.DEC, names.file_operations),
    ["ic.file.identifiers"] = ProtoField.bytes("vmbus.ic.file.identifiers", "identifiers"),
    ["ic.file.name"] = ProtoField.string("vmbus.ic.file.name", "name"),
    ["ic.file.folder"] = ProtoField.string("vmbus.ic.file.folder", "folder"),
    ["ic.file.flags"] = ProtoField.uint32("vmbus.ic.file.flags", "flags", base.HEX),
    ["ic.file.file_bytes"] = ProtoField.uint64("vmbus.ic.file.file_bytes", "file bytes", base.DEC),
    ["ic.file.position"] = ProtoField.uint64("vmbus.ic.file.position", "position", base.DEC),
    ["ic.file.count"] = ProtoField.uint32("vmbus.ic.file.count", "count", base.DEC),
    ["ic.file.data"] = ProtoField.bytes("vmbus.ic.file.data", "data"),
    ["dm.type"] = ProtoField.uint16("vmbus.dm.type", "type", base.DEC, names.dm_types),
    ["dm.bytes"] = ProtoField.uint16("vmbus.dm.bytes", "bytes", base.DEC),
    ["dm.transaction"] = ProtoField.uint32("vmbus.dm.transaction", "transaction", base.DEC),
    ["dm.available"] = ProtoField.uint64("vmbus.dm.available", "available", base.DEC),
    ["dm.committed"] = ProtoField.uint64("vmbus.dm.committed", "committed", base.DEC),
    ["dm.page_file"] = ProtoField.uint64("vmbus.dm.page_file", "page file", base.DEC),
    ["dm.free"] = ProtoField.uint64("vmbus.dm.free", "free", base.DEC),
    ["dm.page_file_writes"] = ProtoField.uint32("vmbus.dm.page_file_writes", "page file writes", base.DEC),
    ["dm.input_and_output"] = ProtoField.uint32("vmbus.dm.input_and_output", "input and output", base.DEC),
    ["socket.type"] = ProtoField.uint32("vmbus.socket.type", "type", base.DEC),
    ["socket.bytes"] = ProtoField.uint32("vmbus.socket.bytes", "bytes", base.DEC),
}

local layouts = {
    offer_channel = { -- channel-messages.md#offer_channel
        { 0, 4, "msg.type", "number" },
        { 8, 16, "msg.interface_type", "guid" },
        { 24, 16, "msg.interface_instance", "guid" },
        { 56, 2, "msg.flags", "number", names.offer_flags },
        { 58, 2, "msg.mmio_megabytes", "number" },
        { 60, 120, "msg.user_defined", "bytes" },
        { 180, 2, "msg.subchannel_index", "number" },
        { 182, 2, "msg.optional_mmio_megabytes", "number" },
        { 184, 4, "msg.channel_id", "number" },
        { 188, 1, "msg.monitor_id", "number" },
        { 189, 1, "msg.monitor_allocated", "number" },
        { 190, 2, "msg.dedicated_interrupt", "number" },
        { 192, 4, "msg.connection_id", "number" },
    },
    rescind_channel_offer = { -- channel-messages.md#rescind_channel_offer
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
    },
    open_channel = { -- channel-messages.md#open_channel
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.open_id", "number" },
        { 16, 4, "msg.ring_gpadl_id", "number" },
        { 20, 4, "msg.target_processor", "number" },
        { 24, 4, "msg.downstream_page_offset", "number" },
        { 28, 120, "msg.user_data", "bytes" },
        { 148, 4, "msg.connection_id", "number" },
        { 152, 2, "msg.event_flag", "number" },
        { 154, 2, "msg.flags", "number" },
    },
    open_channel_result = { -- channel-messages.md#open_channel_result
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.open_id", "number" },
        { 16, 4, "msg.status", "number" },
    },
    gpadl_header = { -- channel-messages.md#gpadl_header
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.gpadl_id", "number" },
        { 16, 2, "msg.range_bytes", "number" },
        { 18, 2, "msg.range_count", "number" },
        { 20, nil, "msg.ranges", "bytes" },
    },
    gpadl_body = { -- channel-messages.md#gpadl_body
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.sequence", "number" },
        { 12, 4, "msg.gpadl_id", "number" },
        { 16, nil, "msg.ranges", "bytes" },
    },
    gpadl_created = { -- channel-messages.md#gpadl_created
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.gpadl_id", "number" },
        { 16, 4, "msg.status", "number" },
    },
    gpadl_teardown = { -- channel-messages.md#gpadl_teardown
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.gpadl_id", "number" },
    },
    gpadl_torndown = { -- channel-messages.md#gpadl_torndown
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.gpadl_id", "number" },
    },
    initiate_contact = { -- channel-messages.md#initiate_contact
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.version", "number" },
        { 12, 4, "msg.target_processor", "number" },
        { 16, 8, "msg.target_info", "number" },
        { 24, 8, "msg.parent_to_child_monitor_page", "number" },
        { 32, 8, "msg.child_to_parent_monitor_page", "number" },
        { 40, 16, "msg.client_id", "guid" },
    },
    version_response = { -- channel-messages.md#version_response
        { 0, 4, "msg.type", "number" },
        { 8, 1, "msg.supported", "number" },
        { 9, 1, "msg.version_response_status", "number" },
        { 12, 4, "msg.version_or_connection_id", "number" },
        { 16, 4, "msg.features", "number" },
    },
    open_reserved_channel = { -- channel-messages.md#open_reserved_channel
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.target_processor", "number" },
        { 16, 4, "msg.target_interrupt", "number" },
        { 20, 4, "msg.ring_gpadl_id", "number" },
        { 24, 4, "msg.downstream_page_offset", "number" },
    },
    tl_connect_request = { -- channel-messages.md#tl_connect_request
        { 0, 4, "msg.type", "number" },
        { 8, 16, "msg.endpoint_id", "guid" },
        { 24, 16, "msg.service_id", "guid" },
        { 40, 16, "msg.silo_id", "guid" },
    },
    modifychannel = { -- channel-messages.md#modifychannel
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.target_processor", "number" },
    },
    tl_connect_result = { -- channel-messages.md#tl_connect_result
        { 0, 4, "msg.type", "number" },
        { 8, 16, "msg.endpoint_id", "guid" },
        { 24, 16, "msg.service_id", "guid" },
        { 40, 4, "msg.status", "number" },
    },
    modifychannel_response = { -- channel-messages.md#modifychannel_response
        { 0, 4, "msg.type", "number" },
        { 8, 4, "msg.channel_id", "number" },
        { 12, 4, "msg.status", "number" },
    },
    modify_connection = { -- channel-messages.md#modify_connection
        { 0, 4, "msg.type", "number" },
        { 8, 8, "msg.parent_to_child_monitor_page", "number" },
        { 16, 8, "msg.child_to_parent_monitor_page", "number" },
    },
    modify_connection_response = { -- channel-messages.md#modify_connection_response
        { 0, 4, "msg.type", "number" },
        { 8, 1, "msg.modify_connection_response_status", "number" },
    },
    record = { -- trace.md#record
        { 0, 1, "trace.format", "number" },
        { 1, 1, "trace.kind", "number" },
        { 2, 1, "trace.direction", "number" },
        { 4, 4, "trace.channel_id", "number" },
        { 8, 2, "trace.subchannel_index", "number" },
        { 10, 2, "trace.offer_flags", "number", names.offer_flags },
        { 12, 4, "trace.version", "number" },
        { 16, 16, "trace.interface_type", "guid" },
    },
    channel = { -- trace.md#channel
        { 0, 16, "trace.interface_instance", "guid" },
        { 16, 4, "trace.connection_id", "number" },
        { 20, 4, "trace.state", "number" },
    },
    rings = { -- trace.md#rings
        { 0, 4, "trace.moment", "number" },
        { 4, 4, "trace.from_guest_bytes", "number" },
        { 8, 4, "trace.to_guest_bytes", "number" },
        { 12, 4, "trace.from_guest_write_index", "number" },
        { 16, 4, "trace.from_guest_read_index", "number" },
        { 20, 4, "trace.from_guest_interrupt_mask", "number" },
        { 24, 4, "trace.from_guest_pending_send_size", "number" },
        { 28, 4, "trace.from_guest_feature_bits", "number" },
        { 32, 4, "trace.to_guest_write_index", "number" },
        { 36, 4, "trace.to_guest_read_index", "number" },
        { 40, 4, "trace.to_guest_interrupt_mask", "number" },
        { 44, 4, "trace.to_guest_pending_send_size", "number" },
        { 48, 4, "trace.to_guest_feature_bits", "number" },
        { 52, 4, "trace.host_read_index", "number" },
        { 56, 4, "trace.host_write_index", "number" },
        { 60, 4, "trace.host_pending_send_size", "number" },
    },
    descriptor = { -- ring.md#descriptor
        { 0, 2, "ring.type", "number" },
        { 2, 2, "ring.header_length", "number" },
        { 4, 2, "ring.total_length", "number" },
        { 6, 2, "ring.flags", "number", names.packet_flags },
        { 8, 8, "ring.transaction_id", "number" },
    },
    gpa_direct = { -- ring.md#gpa-direct-header
        { 20, 4, "ring.range_count", "number" },
    },
    range = { -- ring.md#gpa-direct-header
        { 0, 4, "ring.byte_count", "number" },
        { 4, 4, "ring.byte_offset", "number" },
        { 8, nil, "ring.page_numbers", "bytes" },
    },
    transfer_pages = { -- ring.md#transfer-page-header
        { 16, 2, "ring.page_set_id", "number" },
        { 18, 1, "ring.sender_owns_set", "number" },
        { 20, 4, "ring.range_count", "number" },
    },
    vstor = { -- storage.md#packet
        { 0, 4, "scsi.operation", "number" },
        { 4, 4, "scsi.flags", "number" },
        { 8, 4, "scsi.status", "number" },
    },
    vstor_version = { -- storage.md#versions
        { 0, 2, "scsi.version", "number" },
        { 2, 2, "scsi.revision", "number" },
    },
    vstor_properties = { -- storage.md#properties
        { 4, 2, "scsi.sub_channels", "number" },
        { 8, 4, "scsi.flags", "number" },
        { 12, 4, "scsi.transfer_bytes", "number" },
    },
    request_block = { -- storage.md#request-block
        { 0, 2, "scsi.length", "number" },
        { 2, 1, "scsi.srb_status", "number" },
        { 3, 1, "scsi.scsi_status", "number" },
        { 4, 1, "scsi.port", "number" },
        { 5, 1, "scsi.path", "number" },
        { 6, 1, "scsi.target", "number" },
        { 7, 1, "scsi.lun", "number" },
        { 8, 1, "scsi.cdb_bytes", "number" },
        { 9, 1, "scsi.sense_bytes", "number" },
        { 10, 1, "scsi.direction", "number" },
        { 12, 4, "scsi.transfer_bytes", "number" },
        { 16, 20, "scsi.cdb_or_sense", "bytes" },
        { 38, 1, "scsi.queue_tag", "number" },
        { 39, 1, "scsi.queue_action", "number" },
        { 40, 4, "scsi.srb_flags", "number" },
        { 44, 4, "scsi.timeout", "number" },
        { 48, 4, "scsi.queue_sort_key", "number" },
    },
    initialize = { -- network.md#initialize
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.minimum_version", "number" },
        { 8, 4, "nvsp.maximum_version", "number" },
    },
    initialize_complete = { -- network.md#initialize-complete
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.version", "number" },
        { 8, 4, "nvsp.maximum_mdl_chain", "number" },
        { 12, 4, "nvsp.status", "number" },
    },
    ndis_version = { -- network.md#ndis-version
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.major", "number" },
        { 8, 4, "nvsp.minor", "number" },
    },
    ndis_configuration = { -- network.md#ndis-configuration
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.mtu", "number" },
        { 12, 8, "nvsp.capabilities", "number", names.capabilities },
    },
    buffer = { -- network.md#buffer
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.gpadl", "number" },
        { 8, 2, "nvsp.id", "number" },
    },
    receive_buffer_complete = { -- network.md#receive-buffer-complete
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.status", "number" },
        { 8, 4, "nvsp.section_runs", "number" },
        { 12, 4, "nvsp.offset", "number" },
        { 16, 4, "nvsp.section_bytes", "number" },
        { 20, 4, "nvsp.section_count", "number" },
        { 24, 4, "nvsp.end_offset", "number" },
    },
    send_buffer_complete = { -- network.md#send-buffer-complete
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.status", "number" },
        { 8, 4, "nvsp.section_bytes", "number" },
    },
    subchannel_request = { -- network.md#sub-channel-request
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.operation", "number" },
        { 8, 4, "nvsp.count", "number" },
    },
    subchannel_complete = { -- network.md#sub-channel-complete
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.status", "number" },
        { 8, 4, "nvsp.count", "number" },
    },
    send_table = { -- network.md#send-table
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.count", "number" },
        { 8, 4, "nvsp.table_offset", "number" },
        { 12, 64, "nvsp.table", "bytes" },
    },
    rndis_packet = { -- network.md#rndis-packet
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.channel_type", "number" },
        { 8, 4, "nvsp.section_index", "number" },
        { 12, 4, "nvsp.section_bytes", "number" },
    },
    rndis_packet_complete = { -- network.md#rndis-packet-complete
        { 0, 4, "nvsp.type", "number" },
        { 4, 4, "nvsp.status", "number" },
    },
    ic = { -- integration.md#message
        { 0, 4, "ic.pipe_type", "number" },
        { 4, 4, "ic.pipe_length", "number" },
        { 8, 2, "ic.framework_major", "number" },
        { 10, 2, "ic.framework_minor", "number" },
        { 12, 2, "ic.type", "number" },
        { 14, 2, "ic.version_major", "number" },
        { 16, 2, "ic.version_minor", "number" },
        { 18, 2, "ic.body_bytes", "number" },
        { 20, 4, "ic.status", "number" },
        { 24, 1, "ic.transaction", "number" },
        { 25, 1, "ic.flags", "number", names.ic_flags },
    },
    negotiation = { -- integration.md#negotiation
        { 0, 2, "ic.negotiation.framework_count", "number" },
        { 2, 2, "ic.negotiation.message_count", "number" },
        { 8, nil, "ic.negotiation.versions", "bytes" },
    },
    shutdown = { -- integration.md#shutdown
        { 0, 4, "ic.shutdown.reason", "number" },
        { 4, 4, "ic.shutdown.timeout", "number" },
        { 8, 4, "ic.shutdown.flags", "number", names.shutdown_flags },
        { 12, 2048, "ic.shutdown.text", "text" },
    },
    heartbeat = { -- integration.md#heartbeat
        { 0, 8, "ic.heartbeat.sequence", "number" },
        { 8, 4, "ic.heartbeat.applications", "number" },
    },
    time = { -- integration.md#time-synchronization
        { 0, 8, "ic.time.parent_time", "number" },
        { 8, 8, "ic.time.reference_time", "number" },
        { 16, 1, "ic.time.kind", "number" },
        { 17, 1, "ic.time.leap", "number" },
        { 18, 1, "ic.time.stratum", "number" },
    },
    time_before = { -- integration.md#time-synchronization
        { 0, 8, "ic.time.parent_time", "number" },
        { 8, 8, "ic.time.child_time", "number" },
        { 16, 8, "ic.time.round_trip", "number" },
        { 24, 1, "ic.time.kind", "number" },
    },
    kvp_set = { -- integration-data.md#key-value-messages
        { 0, 1, "ic.kvp.operation", "number" },
        { 1, 1, "ic.kvp.pool", "number" },
        { 4, 2572, "ic.kvp.value", "bytes" },
    },
    kvp_delete = { -- integration-data.md#key-value-messages
        { 0, 1, "ic.kvp.operation", "number" },
        { 1, 1, "ic.kvp.pool", "number" },
        { 4, 4, "ic.kvp.key_bytes", "number" },
        { 8, 512, "ic.kvp.key", "text" },
    },
    kvp_enumerate = { -- integration-data.md#key-value-messages
        { 0, 1, "ic.kvp.operation", "number" },
        { 1, 1, "ic.kvp.pool", "number" },
        { 4, 4, "ic.kvp.index", "number" },
        { 8, 2572, "ic.kvp.value", "bytes" },
    },
    kvp_value = { -- integration-data.md#value
        { 0, 4, "ic.kvp.type", "number" },
        { 4, 4, "ic.kvp.key_bytes", "number" },
        { 8, 4, "ic.kvp.value_bytes", "number" },
        { 12, 512, "ic.kvp.key", "text" },
        { 524, 2048, "ic.kvp.value", "bytes" },
    },
    kvp_addresses = { -- integration-data.md#addresses-as-text
        { 0, 256, "ic.kvp.adapter", "text" },
        { 256, 1, "ic.kvp.families", "number", names.families },
        { 257, 1, "ic.kvp.dhcp", "number" },
        { 258, 2048, "ic.kvp.addresses", "text" },
        { 2306, 2048, "ic.kvp.subnets", "text" },
        { 4354, 1024, "ic.kvp.gateways", "text" },
        { 5378, 2048, "ic.kvp.name_servers", "text" },
    },
    backup = { -- integration-data.md#backup
        { 0, 1, "ic.backup.operation", "number" },
        { 8, 4, "ic.backup.flags", "number" },
    },
    file_start = { -- integration-data.md#file-copy
        { 0, 4, "ic.file.operation", "number" },
        { 4, 32, "ic.file.identifiers", "bytes" },
        { 36, 520, "ic.file.name", "text" },
        { 556, 520, "ic.file.folder", "text" },
        { 1076, 4, "ic.file.flags", "number", names.file_flags },
        { 1080, 8, "ic.file.file_bytes", "number" },
    },
    file_write = { -- integration-data.md#file-copy
        { 0, 4, "ic.file.operation", "number" },
        { 4, 32, "ic.file.identifiers", "bytes" },
        { 40, 8, "ic.file.position", "number" },
        { 48, 4, "ic.file.count", "number" },
        { 52, 6144, "ic.file.data", "bytes" },
    },
    file_end = { -- integration-data.md#file-copy
        { 0, 4, "ic.file.operation", "number" },
        { 4, 32, "ic.file.identifiers", "bytes" },
    },
    dm = { -- dynamic-memory.md#message
        { 0, 2, "dm.type", "number" },
        { 2, 2, "dm.bytes", "number" },
        { 4, 4, "dm.transaction", "number" },
    },
    dm_status = { -- dynamic-memory.md#status
        { 8, 8, "dm.available", "number" },
        { 16, 8, "dm.committed", "number" },
        { 24, 8, "dm.page_file", "number" },
        { 32, 8, "dm.free", "number" },
        { 40, 4, "dm.page_file_writes", "number" },
        { 44, 4, "dm.input_and_output", "number" },
    },
    socket = { -- sockets.md#packet
        { 0, 4, "socket.type", "number" },
        { 4, 4, "socket.bytes", "number" },
    },
}

-- The forms of each channel message, plain first: name, bytes, the version from which on it is used, layout. channel-messages.md#messages
local messages = {
    [1] = { { "OFFER_CHANNEL", 196, 13, layouts.offer_channel }, },
    [2] = { { "RESCIND_CHANNEL_OFFER", 12, 13, layouts.rescind_channel_offer }, },
    [3] = { { "REQUEST_OFFERS", 8, 13, nil }, },
    [4] = { { "ALL_OFFERS_DELIVERED", 8, 13, nil }, },
    [5] = { { "OPEN_CHANNEL", 148, 13, layouts.open_channel }, { "OPEN_CHANNEL2", 156, 0x60000, layouts.open_channel }, },
    [6] = { { "OPEN_CHANNEL_RESULT", 20, 13, layouts.open_channel_result }, },
    [7] = { { "CLOSE_CHANNEL", 12, 13, layouts.rescind_channel_offer }, },
    [8] = { { "GPADL_HEADER", 20, 13, layouts.gpadl_header }, },
    [9] = { { "GPADL_BODY", 16, 13, layouts.gpadl_body }, },
    [10] = { { "GPADL_CREATED", 20, 13, layouts.gpadl_created }, },
    [11] = { { "GPADL_TEARDOWN", 16, 13, layouts.gpadl_teardown }, },
    [12] = { { "GPADL_TORNDOWN", 12, 13, layouts.gpadl_torndown }, },
    [13] = { { "RELID_RELEASED", 12, 13, layouts.rescind_channel_offer }, },
    [14] = { { "INITIATE_CONTACT", 40, 13, layouts.initiate_contact }, { "INITIATE_CONTACT2", 56, 0x60000, layouts.initiate_contact }, },
    [15] = { { "VERSION_RESPONSE", 16, 13, layouts.version_response }, { "VERSION_RESPONSE2", 20, 0x60000, layouts.version_response }, },
    [16] = { { "UNLOAD", 8, 13, nil }, },
    [17] = { { "UNLOAD_RESPONSE", 8, 0x10001, nil }, },
    [18] = { { "OPEN_RESERVED_CHANNEL", 28, 0x40000, layouts.open_reserved_channel }, },
    [19] = { { "CLOSE_RESERVED_CHANNEL", 20, 0x40000, layouts.open_reserved_channel }, },
    [20] = { { "CLOSE_RESERVED_CHANNEL_RESPONSE", 12, 0x40000, layouts.rescind_channel_offer }, },
    [21] = { { "TL_CONNECT_REQUEST", 40, 0x40000, layouts.tl_connect_request }, { "TL_CONNECT_REQUEST2", 56, 0x50002, layouts.tl_connect_request }, },
    [22] = { { "MODIFYCHANNEL", 16, 0x40001, layouts.modifychannel }, },
    [23] = { { "TL_CONNECT_RESULT", 44, 0x40001, layouts.tl_connect_result }, },
    [24] = { { "MODIFYCHANNEL_RESPONSE", 16, 0x50003, layouts.modifychannel_response }, },
    [25] = { { "MODIFY_CONNECTION", 24, 0x60000, layouts.modify_connection }, },
    [26] = { { "MODIFY_CONNECTION_RESPONSE", 12, 0x60000, layouts.modify_connection_response }, },
    [27] = { { "PAUSE", 8, 0x60000, nil }, },
    [28] = { { "PAUSE_RESPONSE", 8, 0x60000, nil }, },
    [29] = { { "RESUME", 8, 0x60000, nil }, },
}

-- network.md#messages
local network_messages = {
    [1] = layouts.initialize, -- Initialize
    [2] = layouts.initialize_complete, -- InitializeComplete
    [100] = layouts.ndis_version, -- SendNdisVersion
    [101] = layouts.buffer, -- SendReceiveBuffer
    [102] = layouts.receive_buffer_complete, -- SendReceiveBufferComplete
    [104] = layouts.buffer, -- SendSendBuffer
    [105] = layouts.send_buffer_complete, -- SendSendBufferComplete
    [107] = layouts.rndis_packet, -- SendRndisPacket
    [108] = layouts.rndis_packet_complete, -- SendRndisPacketComplete
    [125] = layouts.ndis_configuration, -- SendNdisConfiguration
    [133] = layouts.subchannel_request, -- Subchannel
    [134] = layouts.send_table, -- SendIndirectionTable
}

-- What the devices are, by the bytes of their interface types.
local devices = {
    ["d96361baa104294db60572e2ffb1dc7f"] = { "scsi", "scsi" },
    ["635161f83edfc546913ff2d2f965ed0e"] = { "network", "network" },
    ["dc7450528589e2468057a307dc18a502"] = { "memory", "memory" },
    ["394f16571591784eab55382f3bd5422d"] = { "integration", "Heartbeat" },
    ["31600b0e13523449818b38d90ced39db"] = { "integration", "Shutdown" },
    ["30e62795aed07b49adcee80ab0175caf"] = { "integration", "Time Synchronization" },
    ["e7f4a0a9455a964db8278a841e8c03e6"] = { "integration", "Key-Value Pair Exchange" },
    ["292efa3523ea364296ae3a6ebacba440"] = { "integration", "VSS" },
    ["e34bd134e4dec8419ae76b174977c192"] = { "integration", "Guest Service Interface" },
}

local FORMAT = 1
local RECORD_BYTES = 32
local DESCRIPTOR_BYTES = 16
local KIND = { message = 1, packet = 2, channel = 3, signal = 4, rings = 5 }
local FROM_GUEST = 1
local INITIATE_CONTACT = 14
local GPADL_HEADER, GPADL_BODY = 8, 9
local TRANSFER_PAGES, GPA_DIRECT, COMPLETION = 7, 9, 11
local SOCKET_FLAG = 0x2000
local COMPLETE_IO, EXECUTE_SRB, QUERY_VERSION, QUERY_PROPERTIES = 1, 3, 9, 10
local SUBCHANNEL = 133
local AUTOSENSE = 0x80

-- What no table of the pages has.
fields["trace.processor"] = ProtoField.uint32("vmbus.trace.processor", "processor", base.DEC)
fields["trace.device"] = ProtoField.string("vmbus.trace.device", "device")
fields["msg.page_number"] = ProtoField.uint64("vmbus.msg.page_number", "page number", base.HEX)
fields["ring.page_number"] = ProtoField.uint64("vmbus.ring.page_number", "page number", base.HEX)
fields["ring.payload"] = ProtoField.bytes("vmbus.ring.payload", "payload")
fields["ring.request_in"] = ProtoField.framenum("vmbus.ring.request_in", "request in", base.NONE, frametype.REQUEST)
fields["ring.completed_in"] = ProtoField.framenum("vmbus.ring.completed_in", "completed in", base.NONE, frametype.RESPONSE)
fields["ring.time"] = ProtoField.relative_time("vmbus.ring.time", "time since the request")
fields["scsi.opcode"] = ProtoField.uint8("vmbus.scsi.opcode", "operation code", base.HEX, names.commands)
fields["ic.negotiation.version"] = ProtoField.string("vmbus.ic.negotiation.version", "version")
fields["socket.data"] = ProtoField.bytes("vmbus.socket.data", "data")

local vmbus = Proto("vmbus", "Virtual Machine Bus")
local all = {}
for _, field in pairs(fields) do all[#all + 1] = field end
vmbus.fields = all

-- Requests that wait for their completion, by channel, side and transaction id; then each frame's other one.
local open, request_of, completion_of, operation_of, time_of = {}, {}, {}, {}, {}
function vmbus.init() open, request_of, completion_of, operation_of, time_of = {}, {}, {}, {}, {} end

local function has_bits(value, bits) return math.floor(value / bits) % 2 == 1 end

-- The names of the flags that are set; a table of flags may name values of more than one bit, which are left out.
local function flag_text(value, flags)
    local set = {}
    for bit, name in pairs(flags) do
        if bit > 0 and has_bits(value, bit) then set[#set + 1] = { bit, name } end
    end
    table.sort(set, function(one, other) return one[1] < other[1] end)
    for i, pair in ipairs(set) do set[i] = pair[2] end
    return table.concat(set, ", ")
end

local function utf16(range)
    local text = range:le_ustring()
    return (text:gsub("%z.*$", ""))
end

-- Adds the fields of a layout that lie before the limit, and returns what the numbers among them are by their names.
local function add(tree, tvb, layout, limit)
    local values = {}
    limit = math.min(limit or tvb:len(), tvb:len())
    for _, field in ipairs(layout) do
        local offset, bytes, key, kind, flags = field[1], field[2], field[3], field[4], field[5]
        bytes = bytes or limit - offset
        if bytes > 0 and offset + bytes <= limit then
            local range = tvb(offset, bytes)
            if kind == "text" then
                tree:add(fields[key], range, utf16(range))
            elseif kind == "bytes" then
                tree:add(fields[key], range)
            else
                local item = tree:add_le(fields[key], range)
                if kind == "number" and bytes <= 4 then
                    local value = range:le_uint()
                    values[key:match("[^.]+$")] = value
                    local text = flags and flag_text(value, flags) or ""
                    if text ~= "" then item:append_text(" (" .. text .. ")") end
                end
            end
        end
    end
    return values
end

local function name_of(numbers, value) return numbers[value] or ("unknown " .. value) end

-- Runs of pages as a GPADL or a GPA-direct packet describes them, as far as they are there.
local function add_ranges(tree, tvb, count, page_field)
    local at = 0
    while count > 0 and at + 8 <= tvb:len() do
        local bytes, offset = tvb(at, 4):le_uint(), tvb(at + 4, 4):le_uint()
        local pages = math.min(math.ceil((bytes + offset % 4096) / 4096), math.floor((tvb:len() - at - 8) / 8))
        local range = tree:add(vmbus, tvb(at, 8 + pages * 8), "range")
        range:append_text(string.format(": %d bytes from %d on, %d pages", bytes, offset, pages))
        range:add_le(fields["ring.byte_count"], tvb(at, 4))
        range:add_le(fields["ring.byte_offset"], tvb(at + 4, 4))
        for page = 0, pages - 1 do range:add_le(page_field, tvb(at + 8 + page * 8, 8)) end
        at = at + 8 + pages * 8
        count = count - 1
    end
end

local function message(tvb, pinfo, tree, version)
    local number = tvb:len() >= 4 and tvb(0, 4):le_uint() or 0
    -- The guest proposes the version that its contact is in.
    if number == INITIATE_CONTACT and tvb:len() >= 12 then version = tvb(8, 4):le_uint() end
    local form
    for _, candidate in ipairs(messages[number] or {}) do
        if not form or (tvb:len() >= candidate[2] and version >= candidate[3]) then form = candidate end
    end
    local subtree = tree:add(vmbus, tvb(), form and form[1] or "unknown message " .. number)
    if not form then
        pinfo.cols.info = "unknown message " .. number
        return
    end
    local info = form[1]
    local bytes = form[2]
    if number == GPADL_HEADER or number == GPADL_BODY then bytes = tvb:len() end
    local values = add(subtree, tvb, form[4] or { { 0, 4, "msg.type", "number" } }, bytes)
    if values.version then info = info .. " " .. (names.vmbus_versions[values.version] or values.version) end
    if values.supported then info = info .. (values.supported == 0 and " refused" or " accepted") end
    if values.channel_id and values.channel_id > 0 then info = info .. " channel " .. values.channel_id end
    if values.subchannel_index and values.subchannel_index > 0 then info = info .. " sub-channel " .. values.subchannel_index end
    if values.gpadl_id then info = info .. string.format(" GPADL 0x%x", values.gpadl_id) end
    if values.status and values.status ~= 0 then info = info .. " " .. (names.status[values.status] or string.format("0x%x", values.status)) end
    if number == GPADL_HEADER and tvb:len() > form[2] then add_ranges(subtree, tvb(form[2]):tvb(), values.range_count, fields["msg.page_number"]) end
    if number == GPADL_BODY then
        for at = form[2], tvb:len() - 8, 8 do subtree:add_le(fields["msg.page_number"], tvb(at, 8)) end
    end
    pinfo.cols.info = info
end

local function scsi(tvb, pinfo, tree, request)
    pinfo.cols.protocol = "VMBus SCSI"
    local subtree = tree:add(vmbus, tvb(), "storage packet")
    local values = add(subtree, tvb, layouts.vstor)
    if not values.operation then return "short storage packet" end
    local info = name_of(names.operations, values.operation)
    operation_of[pinfo.number] = values.operation
    local asked = values.operation
    if asked == COMPLETE_IO and request then
        asked = operation_of[request]
        if asked then info = info .. " of " .. name_of(names.operations, asked) end
    elseif asked == COMPLETE_IO and tvb:len() >= 14 then
        -- The request is not in the trace: a request block begins with its length.
        local length = tvb(12, 2):le_uint()
        if length == 52 or length == 36 then asked = EXECUTE_SRB end
    end
    if tvb:len() <= 12 then return info end
    local body = tvb(12):tvb()
    if asked == EXECUTE_SRB then
        local block = add(subtree, body, layouts.request_block)
        if not block.lun then return info end
        info = info .. " LUN " .. block.lun
        if values.operation == EXECUTE_SRB and body:len() > 16 then
            local opcode = body(16, 1):uint()
            subtree:add(fields["scsi.opcode"], body(16, 1))
            info = info .. " " .. (names.commands[opcode] or names.dvd_commands[opcode] or string.format("command 0x%02x", opcode))
        else
            info = info .. " " .. name_of(names.outcomes, block.srb_status % AUTOSENSE)
            if block.srb_status >= AUTOSENSE then info = info .. ", sense" end
        end
        if block.transfer_bytes and block.transfer_bytes > 0 then info = info .. " " .. block.transfer_bytes .. " bytes" end
    elseif asked == QUERY_VERSION and values.operation == QUERY_VERSION then
        local version = add(subtree, body, layouts.vstor_version, 4)
        if version.version then info = info .. " " .. (names.vstor_versions[version.version] or version.version) end
    elseif asked == QUERY_PROPERTIES and values.operation == COMPLETE_IO then
        add(subtree, body, layouts.vstor_properties)
    end
    if values.operation == COMPLETE_IO and values.status ~= 0 and names.vstor_status[values.status] then info = info .. ", " .. names.vstor_status[values.status] end
    return info
end

local function network(tvb, pinfo, tree, request, from_guest)
    pinfo.cols.protocol = "VMBus NVSP"
    local subtree = tree:add(vmbus, tvb(), "network message")
    if tvb:len() < 4 then return "short network message" end
    local number = tvb(0, 4):le_uint()
    local layout = network_messages[number] or { { 0, 4, "nvsp.type", "number" } }
    if number == SUBCHANNEL and not from_guest then layout = layouts.subchannel_complete end
    local values = add(subtree, tvb, layout)
    local info = name_of(names.nvsp_messages, number)
    if values.maximum_version then info = info .. " " .. (names.nvsp_versions[values.maximum_version] or values.maximum_version) end
    if values.channel_type then info = info .. " " .. name_of(names.nvsp_channels, values.channel_type) end
    if values.status and values.status > 1 then info = info .. " " .. name_of(names.nvsp_status, values.status) end
    return info
end

local function key_value(tree, body)
    local operation = body(0, 1):uint()
    local info = name_of(names.kvp_operations, operation)
    if operation <= 1 then
        add(tree, body, layouts.kvp_set)
        if body:len() > 4 then add(tree:add(vmbus, body(4), "item"), body(4):tvb(), layouts.kvp_value) end
    elseif operation == 2 then
        add(tree, body, layouts.kvp_delete)
    elseif operation == 3 then
        local values = add(tree, body, layouts.kvp_enumerate)
        if body:len() > 8 then add(tree:add(vmbus, body(8), "item"), body(8):tvb(), layouts.kvp_value) end
        if values.index then info = info .. " " .. values.index end
    else
        add(tree, body, layouts.kvp_set, 2)
        if body:len() > 2 then add(tree:add(vmbus, body(2), "addresses"), body(2):tvb(), layouts.kvp_addresses) end
    end
    return info
end

local function negotiation(tree, body)
    local values = add(tree, body, layouts.negotiation, 8)
    local versions = {}
    for at = 8, math.min(body:len(), 8 + 4 * ((values.framework_count or 0) + (values.message_count or 0))) - 4, 4 do
        local version = body(at, 2):le_uint() .. "." .. body(at + 2, 2):le_uint()
        tree:add(fields["ic.negotiation.version"], body(at, 4), version)
        versions[#versions + 1] = version
    end
    return table.concat(versions, " ")
end

local function integration(tvb, pinfo, tree, service)
    pinfo.cols.protocol = "VMBus IC"
    local subtree = tree:add(vmbus, tvb(), "integration message")
    local values = add(subtree, tvb, layouts.ic)
    if not values.flags then return "short integration message" end
    local info = service .. ": " .. name_of(names.ic_types, values.type) .. (has_bits(values.flags, 4) and " answer" or "")
    if values.status ~= 0 then info = info .. ", " .. (names.ic_status[values.status] or string.format("0x%x", values.status)) end
    -- The packet is padded: the pipe says how long the message is.
    local bytes = math.min(tvb:len(), 8 + values.pipe_length) - 28
    if bytes <= 0 then return info end
    local body = tvb(28, bytes):tvb()
    if values.type == 0 then
        info = info .. " " .. negotiation(subtree, body)
    elseif values.type == 1 then
        add(subtree, body, layouts.heartbeat)
    elseif values.type == 2 then
        info = info .. " " .. key_value(subtree, body)
    elseif values.type == 3 then
        local shutdown = add(subtree, body, layouts.shutdown)
        if shutdown.flags then info = info .. " " .. flag_text(shutdown.flags, names.shutdown_flags) end
    elseif values.type == 4 then
        local time = add(subtree, body, values.version_major >= 4 and layouts.time or layouts.time_before)
        if time.kind then info = info .. " " .. name_of(names.time_kinds, time.kind) end
    elseif values.type == 5 then
        local backup = add(subtree, body, layouts.backup)
        if backup.operation then info = info .. " " .. name_of(names.backup_operations, backup.operation) end
    elseif values.type == 7 and body:len() >= 4 then
        local operation = body(0, 4):le_uint()
        add(subtree, body, operation == 0 and layouts.file_start or operation == 1 and layouts.file_write or layouts.file_end)
        info = info .. " " .. name_of(names.file_operations, operation)
    end
    return info
end

local function memory(tvb, pinfo, tree)
    pinfo.cols.protocol = "VMBus DM"
    local subtree = tree:add(vmbus, tvb(), "dynamic memory message")
    local values = add(subtree, tvb, layouts.dm)
    if not values.type then return "short dynamic memory message" end
    if names.dm_types[values.type] == "Status report" then add(subtree, tvb, layouts.dm_status) end
    return name_of(names.dm_types, values.type)
end

local function socket(tvb, pinfo, tree)
    pinfo.cols.protocol = "VMBus socket"
    local subtree = tree:add(vmbus, tvb(), "socket packet")
    local values = add(subtree, tvb, layouts.socket)
    if not values.bytes then return "short socket packet" end
    local there = math.min(values.bytes, tvb:len() - 8)
    if there > 0 then subtree:add(fields["socket.data"], tvb(8, there)) end
    return values.bytes == 0 and "end" or values.bytes .. " bytes"
end

-- Finds the request of a completion, and notes one that asks for it.
local function link(tvb, pinfo, tree, channel, from_guest, kind, flags)
    local id = tvb(8, 8):bytes():tohex()
    if not pinfo.visited then
        local side = (kind == COMPLETION) ~= from_guest and "guest" or "host"
        local key = channel .. side .. id
        if kind == COMPLETION then
            local request = open[key]
            if request then
                open[key] = nil
                request_of[pinfo.number], completion_of[request] = request, pinfo.number
            end
        elseif has_bits(flags, 1) then
            open[key] = pinfo.number
            time_of[pinfo.number] = pinfo.rel_ts
        end
    end
    local request, completion = request_of[pinfo.number], completion_of[pinfo.number]
    if completion then tree:add(fields["ring.completed_in"], completion):set_generated() end
    if request then
        tree:add(fields["ring.request_in"], request):set_generated()
        local seconds = pinfo.rel_ts - time_of[request]
        local whole = math.floor(seconds)
        tree:add(fields["ring.time"], NSTime.new(whole, math.floor((seconds - whole) * 1e9 + 0.5))):set_generated()
    end
    return request
end

local function packet(tvb, pinfo, tree, record, device)
    if tvb:len() < DESCRIPTOR_BYTES then
        pinfo.cols.info = "short packet"
        return
    end
    local from_guest = record.direction == FROM_GUEST
    local subtree = tree:add(vmbus, tvb(0, DESCRIPTOR_BYTES), "ring packet")
    local values = add(subtree, tvb, layouts.descriptor, DESCRIPTOR_BYTES)
    local kind = name_of(names.packet_types, values.type)
    subtree:append_text(": " .. kind)
    local header = values.header_length * 8
    local request = link(tvb, pinfo, subtree, record.channel_id, from_guest, values.type, values.flags)
    if values.type == GPA_DIRECT and tvb:len() >= 24 then
        local layout = add(subtree, tvb, layouts.gpa_direct, 24)
        if header > 24 and header <= tvb:len() then add_ranges(subtree, tvb(24, header - 24):tvb(), layout.range_count, fields["ring.page_number"]) end
    elseif values.type == TRANSFER_PAGES and tvb:len() >= 24 then
        local layout = add(subtree, tvb, layouts.transfer_pages, 24)
        for i = 0, layout.range_count - 1 do
            local at = 24 + i * 8
            if at + 8 > math.min(header, tvb:len()) then break end
            local range = subtree:add(vmbus, tvb(at, 8), "range")
            range:add_le(fields["ring.byte_count"], tvb(at, 4))
            range:add_le(fields["ring.byte_offset"], tvb(at + 4, 4))
        end
    end
    local info = kind
    if header >= DESCRIPTOR_BYTES and header < tvb:len() then
        local payload = tvb(header):tvb()
        subtree:add(fields["ring.payload"], tvb(header))
        if device[1] == "scsi" then
            info = scsi(payload, pinfo, tree, request)
        elseif device[1] == "network" then
            info = network(payload, pinfo, tree, request, from_guest)
        elseif device[1] == "integration" then
            info = integration(payload, pinfo, tree, device[2])
        elseif device[1] == "memory" then
            info = memory(payload, pinfo, tree)
        elseif device[1] == "socket" then
            info = socket(payload, pinfo, tree)
        end
    end
    pinfo.cols.info = info
end

local function rings(tvb, pinfo, tree)
    local values = add(tree:add(vmbus, tvb(), "control words"), tvb, layouts.rings)
    if not values.host_pending_send_size then return end
    local function used(write, read, bytes) return bytes > 0 and (write - read) % bytes or 0 end
    pinfo.cols.info = string.format("%s: %d of %d bytes wait from the guest, %d of %d to it", name_of(names.moments, values.moment),
        used(values.from_guest_write_index, values.from_guest_read_index, values.from_guest_bytes), values.from_guest_bytes,
        used(values.to_guest_write_index, values.to_guest_read_index, values.to_guest_bytes), values.to_guest_bytes)
end

function vmbus.dissector(tvb, pinfo, tree)
    if tvb:len() < RECORD_BYTES or tvb(0, 1):uint() ~= FORMAT then return 0 end
    pinfo.cols.protocol = "VMBus"
    local head = tree:add(vmbus, tvb(0, RECORD_BYTES), "Virtual Machine Bus")
    local record = add(head, tvb, layouts.record, RECORD_BYTES)
    pinfo.cols.src = record.direction == FROM_GUEST and "guest" or "host"
    pinfo.cols.dst = record.direction == FROM_GUEST and "host" or "guest"
    local device = devices[tvb(16, 16):bytes():tohex(true)] or { "other", "other" }
    if has_bits(record.offer_flags, SOCKET_FLAG) then device = { "socket", "socket" } end
    if record.kind ~= KIND.message then head:add(fields["trace.device"], device[2]):set_generated() end
    if tvb:len() == RECORD_BYTES then return tvb:len() end
    local body = tvb(RECORD_BYTES):tvb()
    if record.kind == KIND.message then
        message(body, pinfo, tree, record.version)
    elseif record.kind == KIND.packet then
        packet(body, pinfo, tree, record, device)
    elseif record.kind == KIND.channel then
        local values = add(tree:add(vmbus, body(), "channel"), body, layouts.channel)
        pinfo.cols.info = "channel " .. record.channel_id .. ": " .. device[2] .. ", " .. name_of(names.states, values.state)
    elseif record.kind == KIND.signal then
        tree:add_le(fields["trace.processor"], body(0, 4))
        pinfo.cols.info = "signal" .. (record.direction == FROM_GUEST and "" or " to processor " .. body(0, 4):le_uint())
    elseif record.kind == KIND.rings then
        rings(body, pinfo, tree)
    end
    if record.kind ~= KIND.message and record.kind ~= KIND.channel then
        pinfo.cols.info:prepend("[" .. record.channel_id .. " " .. device[2] .. "] ")
    end
    return tvb:len()
end

DissectorTable.get("wtap_encap"):add((wtap_encaps or wtap).USER0, vmbus)
