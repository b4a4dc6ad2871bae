# What the readers of boot configurations share: the table of file systems, files, and how an entry is written down.
#
# Input: the table of file systems, a line for each, with tabs: NAME, MOUNT, TYPE, UUID, LABEL, PARTUUID, PARTITION NUMBER, ORDER.
# Output: a line for each entry that starts a Linux, with tabs: READER, DEFAULT (1 or 0), ID, TITLE, KERNEL, INITRDS, OPTIONS. Files are full paths;
# initrds are separated by spaces. Lines that begin with `save` ask for a change of a GRUB environment block: save, FILE, NAME, VALUE.

function read_table(file,   line, field, n) {
    while ((getline line < file) > 0) {
        n = split(line, field, "\t")
        if (n < 8) continue
        fs_count++
        fs_name[fs_count] = field[1]; fs_mount[fs_count] = field[2]; fs_type[fs_count] = field[3]; fs_uuid[fs_count] = tolower(field[4])
        fs_label[fs_count] = field[5]; fs_partuuid[fs_count] = tolower(field[6]); fs_number[fs_count] = field[7]; mount_of[field[1]] = field[2]
    }
    close(file)
}

function exists(file,   line, answer) {
    answer = (getline line < file)
    close(file)
    return answer >= 0
}

function not_empty(file,   line, answer) {
    answer = (getline line < file)
    close(file)
    return answer > 0
}

function trim(text) { gsub(/^[ \t]+|[ \t\r]+$/, "", text); return text }
# One line, one field: control characters have no place in names and command lines.
function clean(text) { gsub(/[\001-\037\177]/, " ", text); return trim(text) }

function emit(reader, is_default, id, title, kernel, initrds, options) {
    if (++emitted > 500) return
    if (title == "") title = id
    if (id == "") id = title
    printf "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", reader, is_default, clean(id), clean(title), clean(kernel), clean(initrds), clean(options)
}

# Whether version A comes after B (1), before it (-1), or they are equal (0): numbers by value, the rest by letters.
function compare_versions(a, b,   x, y) {
    while (a != "" || b != "") {
        sub(/^[^0-9A-Za-z~]+/, "", a); sub(/^[^0-9A-Za-z~]+/, "", b)
        if (a ~ /^~/ || b ~ /^~/) {
            if (a !~ /^~/) return 1
            if (b !~ /^~/) return -1
            a = substr(a, 2); b = substr(b, 2)
            continue
        }
        if (a == "" || b == "") break
        if (a ~ /^[0-9]/ && b ~ /^[0-9]/) {
            match(a, /^[0-9]+/); x = substr(a, 1, RLENGTH) + 0; a = substr(a, RLENGTH + 1)
            match(b, /^[0-9]+/); y = substr(b, 1, RLENGTH) + 0; b = substr(b, RLENGTH + 1)
        } else if (a ~ /^[0-9]/) return 1
        else if (b ~ /^[0-9]/) return -1
        else {
            match(a, /^[A-Za-z]+/); x = substr(a, 1, RLENGTH); a = substr(a, RLENGTH + 1)
            match(b, /^[A-Za-z]+/); y = substr(b, 1, RLENGTH); b = substr(b, RLENGTH + 1)
        }
        if (x > y) return 1
        if (x < y) return -1
    }
    return a == b ? 0 : (a == "" ? -1 : 1)
}
