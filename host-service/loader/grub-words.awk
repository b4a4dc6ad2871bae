# GRUB's configuration language, first part: a file becomes a list of words, and a written word what it stands for.
#
# The list is word[] and kind[]: w a word as written, ; the end of a command, { and } blocks, e the end of a file.

function refuse(text) { if (refused == "") refused = text; at = word_count + 1 }

function token(type, text) { word_count++; kind[word_count] = type; word[word_count] = text }

# Reads a file to the end of the list; returns where it begins.
function read_script(file,   begin, line) {
    begin = word_count + 1
    while ((getline line < file) > 0) {
        if (word_count > 200000) { close(file); refuse("the configuration is too long"); return begin }
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
            else { line = scan_piece(line) }
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
