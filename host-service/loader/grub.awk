# GRUB's configuration language, as far as grub-mkconfig, Fedora's blscfg and people write it: runs the file as GRUB would. grub-words.awk reads it,
# grub-files.awk has the commands that ask file systems, grub-menu.awk the entries.
#
# Running a script moves `at` through the list of words; a part that is not to be run is walked over in the same way (`skip`). Blocks of entries run
# when they are listed.

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
