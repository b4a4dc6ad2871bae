namespace VmBus.Dissector;

/// <summary>A table of the pages by which bytes are read.</summary>
/// <param name="Key">What dissector.lua calls it.</param>
/// <param name="Prefix">What its fields' names begin with, after <c>vmbus.</c>.</param>
/// <param name="Page">The page.</param>
/// <param name="Anchor">The heading.</param>
/// <param name="Index">Which table under it.</param>
internal sealed record PlannedLayout(string Key, string Prefix, string Page, string Anchor, int Index = 0);

/// <summary>A table of the pages that names numbers.</summary>
/// <param name="Key">What dissector.lua calls it.</param>
/// <param name="Page">The page.</param>
/// <param name="Anchor">The heading.</param>
/// <param name="Column">Of the numbers: value, number, bit or opcode.</param>
/// <param name="Name">Of the names.</param>
/// <param name="Index">Which table under it.</param>
internal sealed record PlannedNumbers(string Key, string Page, string Anchor, string Column = "value", string Name = "name", int Index = 0);

/// <summary>What the tables do not say of a field: how it is shown.</summary>
/// <param name="Numbers">What its values are called, by a <see cref="PlannedNumbers.Key"/>.</param>
/// <param name="IsFlags">Whether several of them may be set.</param>
internal sealed record PlannedField(string Numbers, bool IsFlags = false);

/// <summary>Which tables of the pages the dissector is made of. Channel messages are not here: their layouts are found by their names.</summary>
internal static class DissectorPlan
{
    /// <summary>Layouts of channel messages that look like another's.</summary>
    public static IReadOnlyDictionary<string, string> SameLayout { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["RELID_RELEASED"] = "RESCIND_CHANNEL_OFFER",
        ["CLOSE_CHANNEL"] = "RESCIND_CHANNEL_OFFER",
        ["CLOSE_RESERVED_CHANNEL_RESPONSE"] = "RESCIND_CHANNEL_OFFER",
        ["CLOSE_RESERVED_CHANNEL"] = "OPEN_RESERVED_CHANNEL",
    };

    public static IReadOnlyList<PlannedLayout> Layouts { get; } =
    [
        new("record", "trace", "trace.md", "record"),
        new("channel", "trace", "trace.md", "channel"),
        new("rings", "trace", "trace.md", "rings"),
        new("descriptor", "ring", "ring.md", "descriptor"),
        new("gpa_direct", "ring", "ring.md", "gpa-direct-header"),
        new("range", "ring", "ring.md", "gpa-direct-header", 1),
        new("transfer_pages", "ring", "ring.md", "transfer-page-header"),
        new("vstor", "scsi", "storage.md", "packet"),
        new("vstor_version", "scsi", "storage.md", "versions", 1),
        new("vstor_properties", "scsi", "storage.md", "properties"),
        new("request_block", "scsi", "storage.md", "request-block"),
        new("initialize", "nvsp", "network.md", "initialize"),
        new("initialize_complete", "nvsp", "network.md", "initialize-complete"),
        new("ndis_version", "nvsp", "network.md", "ndis-version"),
        new("ndis_configuration", "nvsp", "network.md", "ndis-configuration"),
        new("buffer", "nvsp", "network.md", "buffer"),
        new("receive_buffer_complete", "nvsp", "network.md", "receive-buffer-complete"),
        new("send_buffer_complete", "nvsp", "network.md", "send-buffer-complete"),
        new("subchannel_request", "nvsp", "network.md", "sub-channel-request"),
        new("subchannel_complete", "nvsp", "network.md", "sub-channel-complete"),
        new("send_table", "nvsp", "network.md", "send-table"),
        new("rndis_packet", "nvsp", "network.md", "rndis-packet"),
        new("rndis_packet_complete", "nvsp", "network.md", "rndis-packet-complete"),
        new("ic", "ic", "integration.md", "message"),
        new("negotiation", "ic.negotiation", "integration.md", "negotiation"),
        new("shutdown", "ic.shutdown", "integration.md", "shutdown"),
        new("heartbeat", "ic.heartbeat", "integration.md", "heartbeat"),
        new("time", "ic.time", "integration.md", "time-synchronization"),
        new("time_before", "ic.time", "integration.md", "time-synchronization", 1),
        new("kvp_set", "ic.kvp", "integration-data.md", "key-value-messages"),
        new("kvp_delete", "ic.kvp", "integration-data.md", "key-value-messages", 1),
        new("kvp_enumerate", "ic.kvp", "integration-data.md", "key-value-messages", 2),
        new("kvp_value", "ic.kvp", "integration-data.md", "value"),
        new("kvp_addresses", "ic.kvp", "integration-data.md", "addresses-as-text"),
        new("backup", "ic.backup", "integration-data.md", "backup"),
        new("file_start", "ic.file", "integration-data.md", "file-copy"),
        new("file_write", "ic.file", "integration-data.md", "file-copy", 1),
        new("file_end", "ic.file", "integration-data.md", "file-copy", 2),
        new("dm", "dm", "dynamic-memory.md", "message"),
        new("dm_status", "dm", "dynamic-memory.md", "status"),
        new("socket", "socket", "sockets.md", "packet"),
    ];

    public static IReadOnlyList<PlannedNumbers> Numbers { get; } =
    [
        new("kinds", "trace.md", "kinds"),
        new("trace_directions", "trace.md", "directions"),
        new("states", "trace.md", "states"),
        new("moments", "trace.md", "moments"),
        new("messages", "channel-messages.md", "messages", "number"),
        new("vmbus_versions", "channel.md", "versions", "value", "version"),
        new("offer_flags", "channel-messages.md", "offer-flags"),
        new("status", "channel-messages.md", "status"),
        new("packet_types", "ring.md", "packet-types"),
        new("packet_flags", "ring.md", "packet-flags", "bit"),
        new("operations", "storage.md", "operations"),
        new("vstor_versions", "storage.md", "versions", "value", "version"),
        new("vstor_directions", "storage.md", "directions"),
        new("outcomes", "storage.md", "request-outcomes"),
        new("vstor_status", "storage.md", "status-values"),
        new("commands", "scsi.md", "disk-commands", "opcode"),
        new("dvd_commands", "scsi.md", "dvd-commands", "opcode"),
        new("nvsp_messages", "network.md", "messages"),
        new("nvsp_versions", "network.md", "versions", "value", "version"),
        new("nvsp_status", "network.md", "status-values"),
        new("nvsp_channels", "network.md", "channel-types"),
        new("capabilities", "network.md", "capabilities", "bit"),
        new("ic_types", "integration.md", "message-types"),
        new("ic_flags", "integration.md", "flags", "bit"),
        new("ic_status", "integration.md", "status-values"),
        new("shutdown_flags", "integration.md", "shutdown-flags"),
        new("applications", "integration.md", "application-states"),
        new("time_kinds", "integration.md", "time-kinds"),
        new("kvp_operations", "integration-data.md", "key-value-operations"),
        new("pools", "integration-data.md", "pools"),
        new("value_types", "integration-data.md", "value-types"),
        new("families", "integration-data.md", "address-families", "bit"),
        new("backup_operations", "integration-data.md", "backup-operations"),
        new("file_operations", "integration-data.md", "file-copy-operations"),
        new("file_flags", "integration-data.md", "file-copy-flags", "bit"),
        new("dm_types", "dynamic-memory.md", "message-types"),
    ];

    /// <summary>By the key of a layout and its field, or by the prefix and the field where all of them are alike.</summary>
    public static IReadOnlyDictionary<string, PlannedField> Fields { get; } = new Dictionary<string, PlannedField>(StringComparer.Ordinal)
    {
        ["record.kind"] = new("kinds"),
        ["record.direction"] = new("trace_directions"),
        ["record.offer_flags"] = new("offer_flags", IsFlags: true),
        ["record.version"] = new("vmbus_versions"),
        ["channel.state"] = new("states"),
        ["rings.moment"] = new("moments"),
        ["msg.type"] = new("messages"),
        ["msg.version"] = new("vmbus_versions"),
        ["offer_channel.flags"] = new("offer_flags", IsFlags: true),
        ["open_channel_result.status"] = new("status"),
        ["gpadl_created.status"] = new("status"),
        ["tl_connect_result.status"] = new("status"),
        ["modifychannel_response.status"] = new("status"),
        ["descriptor.type"] = new("packet_types"),
        ["descriptor.flags"] = new("packet_flags", IsFlags: true),
        ["vstor.operation"] = new("operations"),
        ["vstor.status"] = new("vstor_status"),
        ["vstor_version.version"] = new("vstor_versions"),
        ["request_block.direction"] = new("vstor_directions"),
        ["nvsp.type"] = new("nvsp_messages"),
        ["nvsp.status"] = new("nvsp_status"),
        ["nvsp.minimum_version"] = new("nvsp_versions"),
        ["nvsp.maximum_version"] = new("nvsp_versions"),
        ["nvsp.channel_type"] = new("nvsp_channels"),
        ["nvsp.capabilities"] = new("capabilities", IsFlags: true),
        ["ic.type"] = new("ic_types"),
        ["ic.status"] = new("ic_status"),
        ["ic.flags"] = new("ic_flags", IsFlags: true),
        ["shutdown.flags"] = new("shutdown_flags", IsFlags: true),
        ["heartbeat.applications"] = new("applications"),
        ["ic.time.kind"] = new("time_kinds"),
        ["ic.kvp.operation"] = new("kvp_operations"),
        ["ic.kvp.pool"] = new("pools"),
        ["kvp_value.type"] = new("value_types"),
        ["kvp_addresses.families"] = new("families", IsFlags: true),
        ["backup.operation"] = new("backup_operations"),
        ["ic.file.operation"] = new("file_operations"),
        ["file_start.flags"] = new("file_flags", IsFlags: true),
        ["dm.type"] = new("dm_types"),
    };

    /// <summary>Fields of 16 bytes that are GUIDs.</summary>
    public static IReadOnlySet<string> Guids { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "interface_type", "interface_instance", "client_id", "endpoint_id", "service_id", "silo_id",
    };

    /// <summary>Fields that are read better in hexadecimal.</summary>
    public static IReadOnlySet<string> Hexadecimal { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "connection_id", "transaction_id", "target_info", "features", "parent_to_child_monitor_page", "child_to_parent_monitor_page", "flags", "srb_flags", "srb_status", "scsi_status",
        "event_flag", "gpadl_id", "ring_gpadl_id", "gpadl", "version_or_connection_id", "page_set_id", "section_index", "queue_action", "capabilities", "reason",
        "from_guest_feature_bits", "to_guest_feature_bits",
    };

    /// <summary>Fields that are text, UTF-16.</summary>
    public static IReadOnlySet<string> Texts { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "shutdown.text", "kvp_value.key", "kvp_delete.key", "kvp_addresses.adapter", "kvp_addresses.addresses", "kvp_addresses.subnets", "kvp_addresses.gateways",
        "kvp_addresses.name_servers", "file_start.name", "file_start.folder",
    };

    /// <summary>Which layout a message of a network adapter has, by its name; those without have nothing behind their type.</summary>
    public static IReadOnlyDictionary<string, string> NetworkMessages { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["Initialize"] = "initialize",
        ["InitializeComplete"] = "initialize_complete",
        ["SendNdisVersion"] = "ndis_version",
        ["SendNdisConfiguration"] = "ndis_configuration",
        ["SendReceiveBuffer"] = "buffer",
        ["SendReceiveBufferComplete"] = "receive_buffer_complete",
        ["SendSendBuffer"] = "buffer",
        ["SendSendBufferComplete"] = "send_buffer_complete",
        ["SendRndisPacket"] = "rndis_packet",
        ["SendRndisPacketComplete"] = "rndis_packet_complete",
        ["Subchannel"] = "subchannel_request",
        ["SendIndirectionTable"] = "send_table",
    };
}
