# Completion of vmbus for bash: the program itself says what fits.
_vmbus() {
    local word=${COMP_WORDS[COMP_CWORD]} IFS=$'\n'
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "$word"))
}
complete -o default -F _vmbus vmbus
