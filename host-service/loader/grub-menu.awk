# GRUB's menu: entries and submenus, which of them is the default, and what each of them starts.

function add_menu(type, list, n, body,   i, title, id) {
    for (i = 1; i < n; i++) {
        if (list[i] ~ /^--(class|users|hotkey|id)$/) { if (list[i] == "--id") id = list[i + 1]; i++ }
        else if (list[i] ~ /^--id=/) id = substr(list[i], 6)
        else if (list[i] ~ /^--/) continue
        else { title = list[i]; break }
    }
    for (i++; i < n; i++) if (list[i] == "--id") id = list[i + 1]; else if (list[i] ~ /^--id=/) id = substr(list[i], 6)
    new_menu(type, title, id, body)
}

function new_menu(type, title, id, body) {
    if (menu_count >= 500) return 0
    menu_count++
    menu_type[menu_count] = type; menu_title[menu_count] = title; menu_id[menu_count] = id; menu_body[menu_count] = body
    menu_parent[menu_count] = current_menu; menu_index[menu_count] = children[current_menu]++ + 0
    return menu_count
}

# Fedora's: the entries of loader/entries, the newest first, named by their file.
function blscfg(   line, part, count, i, j, moved, n) {
    if (bls_files == "") return
    while ((getline line < bls_files) > 0) {
        split(line, part, "\t")
        if (count < 500 && part[1] == home_mount && read_bls(part[2], part[1], count + 1)) { count++; bls_order[count] = count }
    }
    close(bls_files)
    for (i = 2; i <= count; i++) {
        moved = bls_order[i]
        for (j = i - 1; j >= 1 && compare_versions(bls_id[moved], bls_id[bls_order[j]]) > 0; j--) bls_order[j + 1] = bls_order[j]
        bls_order[j + 1] = moved
    }
    for (i = 1; i <= count; i++) {
        n = new_menu("bls", bls_title[bls_order[i]], bls_id[bls_order[i]], 0)
        menu_bls[n] = bls_order[i]
    }
}

function join_expanded(text,   i, result, word_list, n) {
    n = split(text, word_list, /[ \t]+/)
    argument_count = 0
    for (i = 1; i <= n; i++) expand(word_list[i])
    result = ""
    for (i = 1; i <= argument_count; i++) result = result (i > 1 ? " " : "") argument[i]
    argument_count = 0
    return result
}

# The menu that a default names below PARENT: an index, id or title, and after > one of its own.
function find_menu(parent, wanted,   i, first, rest, m) {
    first = wanted; rest = ""
    if (match(wanted, />/)) { first = substr(wanted, 1, RSTART - 1); rest = substr(wanted, RSTART + 1) }
    for (i = 1; i <= menu_count && !m; i++)
        if (menu_parent[i] == parent && (menu_id[i] == first || menu_title[i] == first || menu_title[i] == wanted)) m = i
    if (!m && first ~ /^[0-9]+$/)
        for (i = 1; i <= menu_count && !m; i++) if (menu_parent[i] == parent && menu_index[i] == first + 0) m = i
    if (!m) for (i = 1; i <= menu_count && !m; i++) if (menu_parent[i] == parent) m = i
    if (m && menu_type[m] == "submenu") return find_menu(m, rest == "" ? "0" : rest)
    return m
}

function title_path(m) { return (menu_parent[m] ? title_path(menu_parent[m]) ">" : "") menu_title[m] }

# Runs the block of one entry or submenu with the variables as they are, and puts them back.
function run_body(m,   name, saved) {
    for (name in value_of) saved[name] = value_of[name]
    value_of["chosen"] = menu_id[m] == "" ? menu_title[m] : menu_id[m]
    at = menu_body[m]
    returning = 0
    run_block(0)
    for (name in value_of) value_of[name] = ""
    for (name in saved) value_of[name] = saved[name]
}

function list_grub(config, mount, files,   i, folder, chosen, m, b) {
    bls_files = files
    home_mount = mount
    for (i = 1; i <= fs_count; i++) if (fs_mount[i] == mount) home_name = fs_name[i]
    folder = substr(config, length(mount) + 1)
    sub(/\/[^\/]*$/, "", folder)
    subvolume = folder
    if (!sub(/\/boot\/grub2?$/, "", subvolume)) subvolume = ""
    value_of["root"] = home_name
    value_of["prefix"] = "(" home_name ")" folder
    value_of["config_directory"] = value_of["prefix"]
    value_of["config_file"] = value_of["prefix"] "/grub.cfg"
    value_of["grub_platform"] = "pc"; value_of["grub_cpu"] = "i386"
    value_of["feature_menuentry_id"] = value_of["feature_timeout_style"] = value_of["feature_default_font_path"] = "y"
    value_of["feature_platform_search_hint"] = value_of["feature_200_final"] = value_of["feature_all_video_module"] = "y"
    word_count = argument_count = menu_count = current_menu = frame = 0
    at = read_script(config)
    run_block(0)
    if (refused == "" && kind[at] != "e") refuse("'" word[at] "' is where no block ends")
    if (refused != "") { printf "refused\tGRUB's configuration cannot be read: %s\n", clean(refused); return }
    in_entry = 1
    # Submenus add to the list while it is walked.
    for (m = 1; m <= menu_count && refused == ""; m++) {
        if (menu_type[m] != "submenu") continue
        current_menu = m
        run_body(m)
    }
    chosen = find_menu(0, value_of["default"] == "" ? "0" : value_of["default"])
    list_menus(0, chosen)
    if (!emitted && chosen) printf "refused\tGRUB's entry '%s' starts no Linux\n", clean(title_path(chosen))
}

function list_menus(parent, chosen,   m, b) {
    for (m = 1; m <= menu_count; m++) {
        if (menu_parent[m] != parent) continue
        if (menu_type[m] == "submenu") { list_menus(m, chosen); continue }
        entry_kernel = entry_initrd = entry_options = ""
        if (menu_type[m] == "bls") {
            b = menu_bls[m]
            entry_kernel = bls_paths(bls_mount[b], bls_linux[b])
            entry_initrd = bls_paths(bls_mount[b], join_expanded(bls_initrd[b]))
            entry_options = join_expanded(bls_options[b])
        } else run_body(m)
        if (entry_kernel != "") emit("grub", m == chosen, menu_id[m], title_path(m), entry_kernel, entry_initrd, entry_options)
    }
}
