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
