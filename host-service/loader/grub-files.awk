# What GRUB's commands ask of file systems: paths, devices, environment blocks, files that are included.

# The full path of a file as GRUB names it: (DEVICE)/path, or /path on $root.
function full_path(path,   device, mount) {
    device = value_of["root"]
    if (match(path, /^\([^)]*\)/)) { device = substr(path, 2, RLENGTH - 2); path = substr(path, RLENGTH + 1) }
    mount = mount_of[device_name(device)]
    if (mount == "") mount = home_mount
    # openSUSE names files on btrfs from the default subvolume on.
    if (subvolume != "" && mount == home_mount && !exists(mount path) && exists(mount subvolume path)) return mount subvolume path
    return mount path
}

function device_name(device,   i, number) {
    if (device in mount_of) return device
    if (device ~ /^lvm\//) return device
    if (match(device, /^hd0,(gpt|msdos)?[0-9]+$/)) {
        number = device
        sub(/^hd0,(gpt|msdos)?/, "", number)
        for (i = 1; i <= fs_count; i++) if (fs_number[i] == number) return fs_name[i]
    }
    return home_name
}

function search(name, list, n,   i, how, target, wanted, found) {
    how = name ~ /uuid/ ? "uuid" : name ~ /label/ ? "label" : "file"
    target = "root"
    for (i = 1; i < n; i++) {
        if (list[i] ~ /^(-u|--fs-uuid)$/) how = "uuid"
        else if (list[i] ~ /^(-l|--label|--fs-label)$/) how = "label"
        else if (list[i] ~ /^(-f|--file)$/) how = "file"
        else if (list[i] ~ /^(-s|--set)$/) { if (i + 2 < n && list[i + 1] !~ /^-/) target = list[++i] }
        else if (list[i] ~ /^--set=/) target = substr(list[i], 7)
        else if (list[i] == "--hint") i++
        else if (list[i] ~ /^-/) continue
        else if (wanted == "") wanted = list[i]
        else if (name ~ /\./) { target = list[i]; break }
    }
    for (i = 1; i <= fs_count && found == ""; i++) {
        if (how == "uuid" && fs_uuid[i] == tolower(wanted)) found = fs_name[i]
        if (how == "label" && fs_label[i] == wanted) found = fs_name[i]
        if (how == "file" && exists(fs_mount[i] wanted)) found = fs_name[i]
    }
    if (wanted == "" || found == "") { status = 1; return }
    value_of[target] = found
}

function probe(list, n,   i, target, what, device, result) {
    target = ""
    for (i = 1; i < n; i++) {
        if (list[i] ~ /^--set=/) target = substr(list[i], 7)
        else if (list[i] == "--set" || list[i] == "-s") target = list[++i]
        else if (list[i] ~ /^(-u|--fs-uuid)$/) what = "uuid"
        else if (list[i] ~ /^(-l|--label)$/) what = "label"
        else if (list[i] == "--part-uuid") what = "partuuid"
        else if (list[i] !~ /^-/) device = list[i]
    }
    gsub(/[()]/, "", device)
    device = device_name(device)
    for (i = 1; i <= fs_count; i++)
        if (fs_name[i] == device) result = what == "uuid" ? fs_uuid[i] : what == "label" ? fs_label[i] : what == "partuuid" ? fs_partuuid[i] : ""
    if (result == "" || target == "") status = 1
    else value_of[target] = result
}

function boot_linux(list, n,   i) {
    entry_kernel = full_path(list[1])
    entry_options = ""
    entry_initrd = ""
    for (i = 2; i < n; i++) entry_options = entry_options (i > 2 ? " " : "") (list[i] ~ /[ \t]/ ? quoted(list[i]) : list[i])
}

# KEY=a b as the kernel reads it: KEY="a b".
function quoted(text) {
    if (text ~ /"/) return text
    if (match(text, /^[^= ]+=/)) return substr(text, 1, RLENGTH) "\"" substr(text, RLENGTH + 1) "\""
    return text
}

function environment_file(list, n,   i) {
    for (i = 1; i < n; i++) if (list[i] ~ /^(-f|--file)$/) return full_path(list[i + 1])
    return full_path(value_of["prefix"] "/grubenv")
}

function load_env(list, n,   file, line, i, name, only, some) {
    file = environment_file(list, n)
    for (i = 1; i < n; i++) {
        if (list[i] ~ /^(-f|--file)$/) i++
        else if (list[i] !~ /^-/) { only[list[i]] = 1; some = 1 }
    }
    if (!exists(file)) { status = 1; return }
    while ((getline line < file) > 0) {
        if (line ~ /^#/ || line !~ /=/) continue
        name = line
        sub(/=.*$/, "", name)
        if (!some || name in only) value_of[name] = substr(line, length(name) + 2)
    }
    close(file)
}

function save_env(list, n,   file, i) {
    # Entries' blocks are run to list them, not to boot them.
    if (in_entry) return
    file = environment_file(list, n)
    for (i = 1; i < n; i++) {
        if (list[i] ~ /^(-f|--file)$/) i++
        else if (list[i] !~ /^-/) printf "save\t%s\t%s\t%s\n", file, clean(list[i]), clean(value_of[list[i]])
    }
}

function source(file,   place) {
    if (!exists(file)) { status = 1; return }
    if (++source_depth > 16) { refuse("files include each other without an end"); return }
    place = at
    at = read_script(file)
    run_block(0)
    if (refused == "") at = place
    source_depth--
}
