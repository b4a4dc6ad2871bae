# GRUB's configuration language, as far as grub-mkconfig, Fedora's blscfg and people write it: runs the file as GRUB would and lists the entries.
#
# A script is a list of words (word[], kind[]: w a word as written, ; the end of a command, { and } blocks, e the end of a file). Running it
# moves `at` through the list; a part that is not to be run is walked over in the same way (`skip`). Blocks of entries run when they are listed.

function refuse(text) { if (refused == "") refused = text; at = word_count + 1 }

function token(type, text) { word_count++; kind[word_count] = type; word[word_count] = text }

# Reads a file to the end of the list; returns where it begins.
function read_script(file,   begin, line, text, quote) {
    begin = word_count + 1
    text = quote = ""
    if (word_count > 200000) { refuse("the configuration is too long"); return begin }
    while ((getline line < file) > 0) {
        sub(/\r$/, "", line)
        scan_line(line)
    }
    close(file)
    if (scan_quote != "" || scan_text != "") { token("w", scan_text); scan_quote = scan_text = "" }
    token(";", ""); token("e", "")
    return begin
}

# scan_text is a word that goes on in the next line, scan_quote the quote that is open there.
function scan_line(line,   first) {
    while (1) {
        if (scan_quote == "'") {
            if (!match(line, /'/)) { scan_text = scan_text line "\n"; return }
            scan_text = scan_text substr(line, 1, RSTART); line = substr(line, RSTART + 1); scan_quote = ""
        } else if (scan_quote == "\"") {
            if (!match(line, /^([^"\\]|\\.)*"/)) {
                if (line ~ /\\$/) scan_text = scan_text substr(line, 1, length(line) - 1); else scan_text = scan_text line "\n"
                return
            }
            scan_text = scan_text substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1); scan_quote = ""
        } else if (scan_text == "") {
            sub(/^[ \t]+/, "", line)
            if (line == "" || line ~ /^#/) { token(";", ""); return }
            if (line == "\\") return
            first = substr(line, 1, 1)
            if (first == ";") { token(";", ""); line = substr(line, 2) }
            else if (line ~ /^[{}]([ \t;]|$)/) { token(first, first); line = substr(line, 2) }
            else { scan_some = 1; line = scan_piece(line) }
        } else if (line == "" || line ~ /^[ \t;]/) {
            token("w", scan_text); scan_text = ""
            if (line == "") { token(";", ""); return }
        } else if (line == "\\") return
        else line = scan_piece(line)
    }
}

function scan_piece(line) {
    if (match(line, /^[^ \t;'"\\]+/)) { scan_text = scan_text substr(line, 1, RLENGTH); return substr(line, RLENGTH + 1) }
    if (line ~ /^\\/) { scan_text = scan_text substr(line, 1, 2); return substr(line, 3) }
    scan_quote = substr(line, 1, 1)
    scan_text = scan_text scan_quote
    return substr(line, 2)
}

# The value of the variable that TEXT begins with after its `$`; variable_length is how much of TEXT its name takes.
function variable(text,   name) {
    if (match(text, /^\{[^}]*\}/)) { name = substr(text, 2, RLENGTH - 2); variable_length = RLENGTH }
    else if (match(text, /^([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?@*#])/)) { name = substr(text, 1, RLENGTH); variable_length = RLENGTH }
    else { variable_length = 0; return "$" }
    if (name == "?") return status + 0
    if (name == "@" || name == "*") return parameters
    if (name ~ /^[0-9]+$/) return parameter[frame, name]
    return value_of[name]
}

# Appends what a written word stands for to argument[]: nothing, one, or many words.
function expand(text,   result, some, piece, i, n, parts) {
    result = ""
    while (text != "") {
        if (match(text, /^[^'"\\$]+/)) { result = result substr(text, 1, RLENGTH); some = 1; text = substr(text, RLENGTH + 1) }
        else if (text ~ /^'/) {
            text = substr(text, 2); match(text "'", /'/)
            result = result substr(text, 1, RSTART - 1); some = 1; text = substr(text, RSTART + 1)
        } else if (text ~ /^"/) {
            text = substr(text, 2); some = 1
            while (text != "" && text !~ /^"/) {
                if (match(text, /^[^"\\$]+/)) { result = result substr(text, 1, RLENGTH); text = substr(text, RLENGTH + 1) }
                else if (text ~ /^\\["\\$]/) { result = result substr(text, 2, 1); text = substr(text, 3) }
                else if (text ~ /^\\/) { result = result "\\"; text = substr(text, 2) }
                else { result = result variable(substr(text, 2)); text = substr(text, 2 + variable_length) }
            }
            text = substr(text, 2)
        } else if (text ~ /^\\/) { result = result substr(text, 2, 1); some = 1; text = substr(text, 3) }
        else {
            piece = variable(substr(text, 2)); text = substr(text, 2 + variable_length)
            n = split(piece, parts, /[ \t\n]+/)
            for (i = 1; i <= n; i++) {
                if (i > 1 && (some || result != "")) { argument[++argument_count] = result; result = ""; some = 0 }
                if (parts[i] != "") { result = result parts[i]; some = 1 }
            }
        }
    }
    if (some) argument[++argument_count] = result
}

# Runs commands until one that ends a block (fi, else, elif, done, then, do, }) or the file; that one is left for the caller.
function run_block(skip) {
    while (at <= word_count && refused == "") {
        if (kind[at] == ";") at++
        else if (kind[at] == "e" || kind[at] == "}") return
        else if (kind[at] == "w" && word[at] ~ /^(fi|else|elif|done|then|do)$/) return
        else run_command(skip || returning)
    }
}

# Steps over WANTED; anything else is a mistake in the file.
function step(wanted) {
    if (at <= word_count && word[at] == wanted) at++
    else refuse("'" wanted "' is missing")
}

function run_command(skip,   name) {
    if (++steps > 200000) { refuse("the configuration does not come to an end"); return }
    name = word[at]
    if (kind[at] == "{") { at++; run_block(skip); step("}"); return }
    if (name == "if") run_if(skip)
    else if (name == "while" || name == "until") run_while(skip, name == "until")
    else if (name == "for") run_for(skip)
    else if (name == "function") {
        name = word[at + 1]; at += 2
        if (kind[at] != "{") { refuse("a function without a block"); return }
        at++
        if (!skip) function_at[name] = at
        run_block(1); step("}")
    } else run_simple(skip)
}

function run_if(skip,   done) {
    at++
    run_block(skip || done); step("then")
    while (refused == "") {
        if (skip || done || status != 0) run_block(1)
        else { done = 1; run_block(0) }
        if (word[at] == "elif") { at++; run_block(skip || done); step("then"); continue }
        if (word[at] == "else") { at++; run_block(skip || done); done = 1 }
        step("fi")
        return
    }
}

function run_while(skip, negate,   begin, rounds) {
    begin = ++at
    while (refused == "") {
        at = begin
        run_block(skip); step("do")
        if (skip || returning || (status == 0) == negate || ++rounds > 1000) { run_block(1); step("done"); return }
        run_block(0); step("done")
    }
}

function run_for(skip,   name, begin, first, last, i, list) {
    name = word[at + 1]; at += 3
    first = argument_count + 1
    while (at <= word_count && kind[at] == "w") expand(word[at++])
    last = argument_count; argument_count = first - 1
    for (i = first; i <= last; i++) list[i] = argument[i]
    while (kind[at] == ";") at++
    step("do")
    begin = at
    if (skip || last < first) run_block(1)
    else for (i = first; i <= last && refused == ""; i++) { at = begin; value_of[name] = list[i]; run_block(returning) }
    step("done")
}

function run_simple(skip,   first, i, n, list, name) {
    first = argument_count + 1
    while (at <= word_count && kind[at] == "w") { if (skip) at++; else expand(word[at++]) }
    n = argument_count - first + 1
    for (i = 0; i < n; i++) list[i] = argument[first + i]
    argument_count = first - 1
    name = n ? list[0] : ""
    if (kind[at] == "{") {
        at++
        if (!skip && (name == "menuentry" || name == "submenu")) add_menu(name, list, n, at)
        run_block(1); step("}")
        return
    }
    if (skip || n == 0) return
    if (name == "!") {
        for (i = 1; i < n; i++) list[i - 1] = list[i]
        call(list[0], list, n - 1)
        status = !status
    } else call(name, list, n)
}

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

function call(name, list, n,   i, key, place, saved) {
    status = 0
    if (name ~ /^[A-Za-z_][A-Za-z0-9_]*=/) { assign(name); return }
    if (name in function_at) {
        if (frame >= 32) { refuse("functions call each other without an end"); return }
        place = at; saved = parameters
        frame++
        parameters = ""
        for (i = 1; i < 20; i++) { parameter[frame, i] = i < n ? list[i] : ""; if (i < n) parameters = parameters (i > 1 ? " " : "") list[i] }
        at = function_at[name]
        run_block(0)
        returning = 0
        frame--
        parameters = saved
        at = place
    }
    else if (name == "[" || name == "test") { if (name == "[") n--; status = !test_or(list, n) }
    else if (name == "set") { for (i = 1; i < n; i++) assign(list[i]) }
    else if (name == "unset") { for (i = 1; i < n; i++) value_of[list[i]] = "" }
    else if (name == "return") { returning = 1; status = n > 1 ? list[1] + 0 : 0 }
    else if (name ~ /^(false|loadfont|fwsetup|background_image)$/) status = 1
    else if (name ~ /^search/) search(name, list, n)
    else if (name ~ /^(linux|linux16|linuxefi|kernel)$/) boot_linux(list, n)
    else if (name ~ /^(initrd|initrd16|initrdefi)$/) {
        for (i = 1; i < n; i++) if (list[i] !~ /^(--|newc:)/) entry_initrd = entry_initrd " " full_path(list[i])
    }
    else if (name == "load_env") load_env(list, n)
    else if (name == "save_env") save_env(list, n)
    else if (name ~ /^(source|\.|configfile|normal)$/) { if (n > 1) source(full_path(list[1])); else status = 1 }
    else if (name == "blscfg") blscfg()
    else if (name == "increment") value_of[list[1]] = value_of[list[1]] + 1
    else if (name == "decrement") value_of[list[1]] = value_of[list[1]] - 1
    else if (name == "probe") probe(list, n)
    else if (name !~ /^(insmod|rmmod|export|echo|true|:|terminal_(in|out)put|serial|sleep|cpuid|play|clear|eval|gfxmode|module_path|password.*|cutmem|badram|savedefault|initrd_.*|keymap|videoinfo|boot|nativedisk|devicetree|acpi|cryptomount)$/) status = 1
}

function assign(text,   name) {
    name = text
    sub(/=.*$/, "", name)
    value_of[name] = substr(text, length(name) + 2)
}

# [ A -o B -a C ]: words list[1] to list[n-1].
function test_or(list, n,   at_word, result) {
    test_at = 1
    result = test_and(list, n)
    while (test_at < n && list[test_at] == "-o") { test_at++; if (test_and(list, n)) result = 1 }
    return result
}

function test_and(list, n,   result) {
    result = test_one(list, n)
    while (test_at < n && list[test_at] == "-a") { test_at++; if (!test_one(list, n)) result = 0 }
    return result
}

function test_one(list, n,   left, operator, right) {
    if (test_at >= n) return 0
    left = list[test_at++]
    if (left == "!" ) return !test_one(list, n)
    if (test_at + 1 < n && list[test_at] ~ /^(=|==|!=|<|<=|>|>=|-(eq|ne|lt|le|gt|ge|pgt|plt|nt|ot|ef))$/) {
        operator = list[test_at]; right = list[test_at + 1]; test_at += 2
        if (operator ~ /^==?$/) return left "" == right ""
        if (operator == "!=") return left "" != right ""
        if (operator == "-eq") return left + 0 == right + 0
        if (operator == "-ne") return left + 0 != right + 0
        if (operator == "-lt") return left + 0 < right + 0
        if (operator == "-le") return left + 0 <= right + 0
        if (operator == "-gt") return left + 0 > right + 0
        if (operator == "-ge") return left + 0 >= right + 0
        if (operator == "<") return left "" < right ""
        if (operator == ">") return left "" > right ""
        return 0
    }
    if (left ~ /^-[nzfsed]$/ && test_at < n) {
        right = list[test_at++]
        if (left == "-n") return right != ""
        if (left == "-z") return right == ""
        if (left == "-s") return not_empty(full_path(right))
        return exists(full_path(right))
    }
    return left != ""
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
