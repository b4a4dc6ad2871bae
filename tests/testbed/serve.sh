# Sourced by run and run-here once an agent listens on descriptor 5 and answers on 4: one command, or those that standard input asks for.

if [[ -n $serve ]]; then
    echo ready
    # Requests pass through a child; their end makes the agent quit, which ends the loop below.
    { while read -r request; do printf '%s\n' "$request"; done; echo quit; } <&0 >&5 &
    children+=("$!")
    while read -r -u 4 answer; do printf '%s\n' "$answer"; done
    exit 0
fi

job=$share/jobs/0
rm -rf "$job"
mkdir "$job"
printf '%s\n' "$command" >"$job/command"
export -p | grep -v -E '^declare -x (VMBUS_SHARE|VMBUS_SCRATCH|VMBUS_TESTBED|SHLVL)=' >"$job/environment"
pwd >"$job/directory"
: >"$job/stdout" >"$job/stderr"
# Each tail prints what is left once the marker is gone.
start sleep infinity
marker=$!
start tail -q -c +1 -f -s 0.2 --pid="$marker" "$job/stdout"
shown=("$!")
start tail -q -c +1 -f -s 0.2 --pid="$marker" "$job/stderr" >&2
shown+=("$!")
echo "run 0 $limit" >&5
status=0
read -r -t $((limit + 60)) -u 4 answer _ status || status=$?
kill "$marker"
wait "${shown[@]}" || true
case $answer in
    done) ;;
    *) if ((status > 128)); then lost "the host does not answer"; else lost "the host ended before the command did"; fi ;;
esac
((status != 124)) || say "the command did not end within $limit seconds"
exit "$status"
