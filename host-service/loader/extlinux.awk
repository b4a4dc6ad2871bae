# extlinux.conf and syslinux.cfg: labels with kernel, initrd and append.

function extlinux_path(file,   folder) {
    if (file ~ /^\//) return extlinux_mount file
    return extlinux_folder "/" file
}

function extlinux_line(line, depth,   key, value, n) {
    line = trim(line)
    if (line == "" || line ~ /^#/) return
    key = tolower(line)
    sub(/[ \t].*$/, "", key)
    value = trim(substr(line, length(key) + 1))
    if (key == "menu") {
        key = tolower(value)
        sub(/[ \t].*$/, "", key)
        value = trim(substr(value, length(key) + 1))
        if (key == "label" && extlinux_count) { gsub(/\^/, "", value); extlinux_title[extlinux_count] = value }
        if (key == "default" && extlinux_count) extlinux_default = extlinux_id[extlinux_count]
        if (key == "include") read_extlinux(extlinux_path(value), depth + 1)
        return
    }
    if (key == "include") read_extlinux(extlinux_path(value), depth + 1)
    else if (key == "default" && extlinux_default == "") extlinux_default = value
    else if (key == "ontimeout") extlinux_default = value
    else if (key == "label") { n = ++extlinux_count; extlinux_id[n] = value; extlinux_append[n] = extlinux_global }
    else if (!extlinux_count) { if (key == "append") extlinux_global = value }
    else if (key == "kernel" || key == "linux") extlinux_kernel[extlinux_count] = value
    else if (key == "initrd") extlinux_initrd[extlinux_count] = value
    else if (key == "append") extlinux_append[extlinux_count] = value == "-" ? "" : value
}

function read_extlinux(file, depth,   line) {
    if (depth > 8) return
    while ((getline line < file) > 0) extlinux_line(line, depth)
    close(file)
}

function list_extlinux(file, mount,   i, n, j, word, count, initrds, options, paths, files, chosen) {
    extlinux_mount = mount
    extlinux_folder = file
    sub(/\/[^\/]*$/, "", extlinux_folder)
    read_extlinux(file, 0)
    for (i = 1; i <= extlinux_count; i++) if (extlinux_id[i] == extlinux_default) { chosen = i; break }
    if (!chosen) chosen = 1
    for (i = 1; i <= extlinux_count; i++) {
        initrds = extlinux_initrd[i]; options = ""
        count = split(extlinux_append[i], word, /[ \t]+/)
        for (j = 1; j <= count; j++) {
            if (word[j] ~ /^initrd=/) initrds = initrds "," substr(word[j], 8)
            else options = options " " word[j]
        }
        gsub(/,/, " ", initrds)
        count = split(initrds, files, /[ \t]+/); paths = ""
        for (j = 1; j <= count; j++) if (files[j] != "") paths = paths " " extlinux_path(files[j])
        if (extlinux_kernel[i] != "" && extlinux_kernel[i] !~ /\.(c32|0|bin|bss)$/)
            emit("extlinux", i == chosen, extlinux_id[i], extlinux_title[i], extlinux_path(extlinux_kernel[i]), trim(paths), trim(options))
    }
}
