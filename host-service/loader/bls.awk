# Boot Loader Specification, type 1: files loader/entries/*.conf, their order and default as systemd-boot has them.

# Reads one file into the arrays bls_*[n]; 0 when it is no entry for this machine.
function read_bls(file, mount, n,   line, key, value, name) {
    name = file
    sub(/^.*\//, "", name); sub(/\.conf$/, "", name)
    bls_file[n] = file; bls_mount[n] = mount; bls_title[n] = bls_version[n] = bls_sort[n] = bls_linux[n] = bls_initrd[n] = bls_options[n] = ""
    # NAME+LEFT-DONE counts the boots that are left; without any left it comes last.
    bls_bad[n] = name ~ /\+0(-[0-9]+)?$/
    sub(/\+[0-9]+(-[0-9]+)?$/, "", name)
    bls_id[n] = name
    while ((getline line < file) > 0) {
        line = trim(line)
        if (line == "" || line ~ /^#/) continue
        key = value = line
        sub(/[ \t].*$/, "", key)
        value = trim(substr(line, length(key) + 1))
        if (key == "title") bls_title[n] = value
        else if (key == "version") bls_version[n] = value
        else if (key == "sort-key") bls_sort[n] = value
        else if (key == "linux") bls_linux[n] = value
        else if (key == "initrd") bls_initrd[n] = bls_initrd[n] " " value
        else if (key == "options") bls_options[n] = trim(bls_options[n] " " value)
        else if (key == "architecture" && tolower(value) !~ /^(x64|x86-64)$/) bls_linux[n] = "-"
    }
    close(file)
    return bls_linux[n] != "" && bls_linux[n] != "-"
}

# Whether entry A stands before B.
function bls_before(a, b,   order) {
    if (bls_bad[a] != bls_bad[b]) return bls_bad[b]
    if ((bls_sort[a] == "") != (bls_sort[b] == "")) return bls_sort[a] != ""
    if (bls_sort[a] != "") {
        if (bls_sort[a] != bls_sort[b]) return bls_sort[a] < bls_sort[b]
        order = compare_versions(bls_version[a], bls_version[b])
        if (order != 0) return order > 0
    }
    return compare_versions(bls_id[a], bls_id[b]) > 0
}

# Sorts the numbers in bls_order[1..count].
function sort_bls(count,   i, j, moved) {
    for (i = 2; i <= count; i++) {
        moved = bls_order[i]
        for (j = i - 1; j >= 1 && bls_before(moved, bls_order[j]); j--) bls_order[j + 1] = bls_order[j]
        bls_order[j + 1] = moved
    }
}

# A paths' value under the file system's mount; each word becomes a full path.
function bls_paths(mount, text,   word, n, i, result) {
    n = split(text, word, /[ \t]+/)
    result = ""
    for (i = 1; i <= n; i++) if (word[i] != "") result = result " " mount (word[i] ~ /^\// ? "" : "/") word[i]
    return trim(result)
}

# A pattern of loader.conf (* and ?) as a regular expression.
function glob(pattern,   text) {
    text = pattern
    gsub(/[]^$+(){}|\\.[]/, "\\\\&", text)
    gsub(/\*/, ".*", text); gsub(/\?/, ".", text)
    return "^" text "$"
}

# FILES: a list of `MOUNT<tab>FILE`; LOADERS: the loader.conf files.
function list_bls(files, loaders,   line, part, count, i, n, wanted, chosen, pattern, file) {
    while ((getline line < files) > 0) {
        split(line, part, "\t")
        if (count < 500 && read_bls(part[2], part[1], count + 1)) { count++; bls_order[count] = count }
    }
    close(files)
    while ((getline file < loaders) > 0) {
        while ((getline line < file) > 0) if (line ~ /^[ \t]*default[ \t]/) { sub(/^[ \t]*default[ \t]+/, "", line); wanted = trim(line) }
        close(file)
    }
    close(loaders)
    sort_bls(count)
    chosen = 1
    sub(/\.conf$/, "", wanted)
    if (wanted != "") {
        pattern = glob(wanted)
        for (i = count; i >= 1; i--) if (bls_id[bls_order[i]] ~ pattern) chosen = i
    }
    for (i = 1; i <= count; i++) {
        n = bls_order[i]
        emit("bls", i == chosen, bls_id[n], bls_title[n] (bls_version[n] == "" ? "" : " (" bls_version[n] ")"),
            bls_paths(bls_mount[n], bls_linux[n]), bls_paths(bls_mount[n], bls_initrd[n]), bls_options[n])
    }
}
