# Sourced by soak: one partition with its load, its faults and what must be so afterwards. It runs in a process of its own; its folder $work/NUMBER tells the
# others what it has come to: `up`, `tried`, `compared`, `services`, `lost`, `gone` when it gave up, `ended`.

# partition NUMBER
partition() {
    number=$1 folder=$work/$1 kind=${kinds[($1 - 1) % ${#kinds[@]}]} owner=$BASHPID worker= backend= services= storage= passed= unfinished=
    peer=$network.$((10 + number % partitions + 1))
    ((partitions > 1)) || peer=$network.1
    RANDOM=$((seed * 100 + number))
    export VMBUS_CONTROL=$folder/control
    trap leave EXIT
    trap 'passed=stopped; exit 143' TERM
    prepare
    live
    passed=1
}
leave() {
    if [[ -z $passed && -d $folder ]]; then
        [[ -s $folder/lost ]] || lose "a command of its own failed"
        # What it was doing is on the consoles, which do not stay.
        say "partition $number gave up: $(tail -n 1 "$folder/lost"); the end of its console and messages:"
        { tail -c 2000 "$folder/console" | tr -d '\r'; tail -n 15 "$folder/errors"; } >&2 || true
        touch "$folder/gone"
    fi
    # Not by asking: a worker would give its guest time.
    kill -KILL $worker $backend $services $storage 2>/dev/null || true
    # Without the shell's word on each.
    wait 2>/dev/null
    touch "$folder/ended"
}

live() {
    local bag=() at fault stop
    start_worker && has_booted || return 1
    services & services=$!
    touch "$folder/up"
    until [[ -e $work/begin ]]; do sleep 0.5; done
    goes_on && compare || return 1
    stop=$((SECONDS + seconds))
    while ((SECONDS < stop)); do
        ((${#bag[@]})) || bag=("${chosen[@]}")
        at=$((RANDOM % ${#bag[@]})) fault=${bag[at]}
        bag=("${bag[@]:0:at}" "${bag[@]:at + 1}")
        say "partition $number: $fault"
        if ! "fault_$fault" || ! goes_on || ! compare; then lose "it did not come through '$fault'"; return 1; fi
        echo "$fault" >>"$folder/tried"
    done
    # The others' guests send to this one until they are through.
    touch "$folder/through"
    until is_all through; do sleep 0.5; done
    finish
}

lose() { printf '%s\n' "$*" >>"$folder/lost"; }
image() { case $1 in full) echo "$folder/full/full" ;; *) echo "$folder/$1" ;; esac; }
order() { printf '%s\n' "$1" >&"$keys"; }
pause() { sleep "$((RANDOM % $1)).$((RANDOM % 10))"; }

# listen: takes in what the guest has told by now: the last line of each kind in $latest (by what it is about: "flushed data", "moved", "failed full 28"),
# how far its disks are in $told, and what it finds wrong among the losses. No process is started for it: the host's processors are the guests'.
listen() {
    local text words
    while IFS= read -r text <&"$feed" || { unfinished+=$text; return 0; }; do
        text=$unfinished${text%$'\r'} unfinished=
        [[ $text == "soak: "* ]] || continue
        # Where the guest's kernel spoke in the middle of it, a number may be any.
        [[ $text != "soak: "@(flushed|checked)* || $text =~ ^"soak: "[a-z]+" "[a-z]+(" "[0-9]+)+$ ]] || continue
        read -ra words <<<"$text"
        case ${words[1]} in
            flushed) told[${words[2]}]=${words[3]} ;;
            wrong) grep -qxF -- "$text" "$folder/lost" 2>/dev/null || lose "$text" ;;
        esac
        case ${words[1]} in
            flushed | checked) latest["${words[1]} ${words[2]}"]=$text ;;
            failed) latest["failed ${words[2]} ${words[3]}"]=$text ;;
            *) latest[${words[1]}]=$text ;;
        esac
    done
}
# forget: what was told before does not count any more.
forget() { listen; latest=(); }
# await KIND [COMMAND…]: until the guest has told a line of that kind since `forget`, which $line is then; COMMAND is carried out again and again.
await() {
    local kind=$1 limit=$((SECONDS + patience))
    shift
    until listen; line=${latest[$kind]-}; [[ -n $line ]]; do
        kill -0 "$worker" 2>/dev/null || { lose "the worker has ended: $(tail -n 1 "$folder/errors")"; return 1; }
        ((SECONDS < limit)) || { lose "the guest did not tell '$kind' within $patience s"; return 1; }
        "$@"
        sleep 0.4
    done
}

prepare() {
    local disk
    declare -gA known=() told=() latest=()
    mkdir "$folder/full"
    # Room for what is not discarded, and for little else.
    mount -t tmpfs -o size=20M none "$folder/full"
    for disk in "${disks[@]}"; do truncate -s "$((${blocks[$disk]%t} * 4096))" "$(image "$disk")"; done
    start nbdkit --foreground --unix "$folder/nbd" --filter=error file "$folder/error" error=EIO error-rate=80% error-file="$folder/failing" 2>"$folder/nbdkit"
    storage=$!
    start_backend
    [[ $kind == minimal ]] || qemu-img create -q -f qcow2 -b "$VMBUS_SCRATCH/root.img" -F raw "$folder/root"
    make_tap
    mkfifo "$folder/keys"
    # For both directions, so that it stays open when the worker goes.
    exec {keys}<>"$folder/keys" {feed}<"$folder/console"
}
start_backend() {
    await_socket "$folder/nbd" "$storage"
    rm -f "$folder/back-end"
    start qemu-storage-daemon --blockdev driver=nbd,node-name=disk,server.type=unix,server.path="$folder/nbd" \
        --export type=vhost-user-blk,id=disk,node-name=disk,addr.type=unix,addr.path="$folder/back-end",writable=on 2>>"$folder/storage-daemon"
    backend=$!
    await_socket "$folder/back-end" "$backend"
}
await_socket() { until [[ -S $1 ]]; do kill -0 "$2" || return 1; sleep 0.1; done; }
make_tap() {
    ip tuntap add "soak$number" mode tap multi_queue
    ip link set "soak$number" master "$bridge" up
}
nic() { printf 'tap=soak%d,mac=52:54:00:0a:09:%02x,id=lan' "$number" "$number"; }

start_worker() {
    local load="$number $network.$((10 + number)) $peer" list='' disk options
    for disk in "${disks[@]}"; do list+=" $disk=${blocks[$disk]}"; done
    options=(--name "soak$number" --cpus "$cpus" --control "$VMBUS_CONTROL" --stop-timeout 120 --nic "$(nic)")
    # Alarms and worse: other messages of the kernel would cut into the guest's own lines. It is asked for its warnings.
    local append="console=ttyS0 panic=-1 quiet loglevel=2"
    if [[ $kind == minimal ]]; then
        local script="until [ -x /mnt/soak ]; do for d in /dev/sd?; do mount -r -t ext4 \$d /mnt && break; sleep 0.1; done 2>/dev/null; done
exec </dev/ttyS0; exec /mnt/soak guest $load /mnt/vmlinuz-$kernel /mnt/minimal-$kernel$list"
        options+=(--kernel "$MINIMAL/vmlinuz-$kernel" --initrd "$MINIMAL/minimal-$kernel" --memory 384M --append "$append vmbus.run=$(base64 -w0 <<<"$script")")
    else
        append+=" root=LABEL=root rw systemd.run=\"/bin/sh -c 'until mount -r LABEL=SOAK /mnt; do sleep 0.2; done; exec /mnt/start $load$list'\""
        append+=" systemd.run_success_action=poweroff systemd.run_failure_action=poweroff"
        options+=(--kernel "$VMBUS_GUESTS/vmlinuz-$kernel" --initrd "$VMBUS_GUESTS/initrd-$kernel" --memory 768M --exec --append "$append"
            --disk "$folder/root,format=qcow2,id=root")
    fi
    options+=(--disk "$(image data),format=raw,id=data" --disk "$(image full),format=raw,id=full" --disk "vhost-user=$folder/back-end,reconnect=1,id=error"
        --disk "$(image plug),format=raw,id=plug" --disk "$work/tools.img,readonly,id=tools")
    printf '\n' >>"$folder/console"
    start "$VMBUS" run "${options[@]}" <&"$keys" >>"$folder/console" 2>>"$folder/errors"
    worker=$!
}

# The sum of a service's successes is load; what it says wrongly is a loss; that it does not answer is one only when `goes_on` waits for it in vain.
service() {
    local name=$1
    shift
    if said=$(timeout 60 "$VMBUS" "$@" 2>&1); then echo "$name" >>"$folder/services"; else echo "$name: $said" >>"$folder/service-errors"; return 1; fi
}
services() {
    local round said
    trap - EXIT
    for ((round = 1; ; round++)); do
        kill -0 "$owner" 2>/dev/null || return 0
        sleep 0.5
        service heartbeat heartbeat && [[ $said == OK* ]] || continue
        service 'clocks set' time sync || continue
        if [[ $kind == debian ]]; then
            touch "$folder/set"
            service 'key-value pairs set' kvp set Round "$round" && service 'key-value pairs read' kvp get Round || continue
            # A guest that started again in between has what it had flushed.
            [[ $said == "$round" || $folder/restarted -nt $folder/set ]] || lose "the key-value pair is '$said' and not $round"
            service 'commands run in the guest' exec --no-stdin -- echo "$round" || continue
            [[ $said == "$round" ]] || lose "the guest's command wrote '$said' and not $round"
            if ((round % 4 == 1)); then service 'freezes' freeze 20 && service 'thaws' thaw || continue; fi
        fi
        echo "$round" >"$folder/round"
    done
}

# The guest writes all its disks, sends, and has answered for each of its services.
goes_on() {
    local disk limit=$((SECONDS + patience))
    forget
    rm -f "$folder/round"
    for disk in "${disks[@]}"; do await "flushed $disk" || return 1; done
    await moved || return 1
    until [[ -e $folder/round ]]; do
        kill -0 "$worker" 2>/dev/null || { lose "the worker has ended: $(tail -n 1 "$folder/errors")"; return 1; }
        ((SECONDS < limit)) || { lose "the services do not answer: $(tail -n 1 "$folder/service-errors")"; return 1; }
        sleep 0.4
    done
}

# compare_disks WINDOW: what the guest tells of its own comparison, and the same on the images. It has told all of $known.
compare_disks() {
    local disk flushed bad
    for disk in "${disks[@]}"; do
        await "checked $disk" || return 1
        read -r _ _ _ flushed bad <<<"$line"
        ((bad == 0)) || lose "$disk: the guest finds $bad blocks of $flushed that are not what it wrote"
        # The guest that has started again knows its last batch by its blocks: one of them is enough, and there may be none that was flushed.
        ((${told[$disk]:-0} <= ${known[$disk]:-0})) || known[$disk]=${told[$disk]}
        ((flushed + $1 >= ${known[$disk]:-0})) || lose "$disk: ${known[$disk]} blocks were told to be flushed, and the guest finds $flushed"
        ((flushed <= ${known[$disk]:-0})) || known[$disk]=$flushed
        bad=$("$work/soak" check "$(image "$disk")" "$number" "$disk=${blocks[$disk]}" "${known[$disk]:-0}" "$1") ||
            lose "$disk: the image holds other blocks than were told: ${bad//$'\n'/; }"
    done
    echo "${known[*]}" >>"$folder/compared"
    [[ ! -s $folder/lost ]]
}
compare() {
    forget
    order hold
    compare_disks 0 && order go
}
# has_booted: the guest has started since `forget`, with all that was flushed before.
has_booted() { touch "$folder/restarted" && await up && touch "$folder/restarted" && compare_disks "$batch" && order go; }

fault_kill() {
    kill -KILL "$worker"
    wait "$worker" 2>/dev/null || true
    # Its qemu-nbd ends with it, but has the image until then.
    while pgrep -f "qemu-nbd.* $folder/root\$" >/dev/null; do sleep 0.1; done
    forget
    start_worker && has_booted
}
fault_reset() { restart reset; }
fault_kexec() { restart kexec; }
restart() {
    forget
    order "$1"
    has_booted
}
fault_full() {
    local status=0
    forget
    await 'failed full 28' fill || status=1
    rm "$folder/full/filler"
    return "$status"
}
# The guest frees what it discards: again and again.
fill() { cat /dev/zero >>"$folder/full/filler" 2>/dev/null || true; }
fault_error() {
    local status=0
    touch "$folder/failing"
    forget
    await 'failed error 5' || status=1
    pause 3
    rm "$folder/failing"
    return "$status"
}
fault_backend() {
    kill -KILL "$backend"
    wait "$backend" 2>/dev/null || true
    pause 3
    start_backend
}
fault_tap() {
    ip link delete "soak$number"
    pause 5
    make_tap
}
fault_disk() {
    local round
    for round in 1 2 3 4 5; do
        vmbus disk remove plug && pause 2 && vmbus disk add "$(image plug),format=raw,id=plug" || return 1
        pause 3
    done
}
fault_nic() {
    local round
    for round in 1 2 3; do
        vmbus nic remove lan && pause 2 && vmbus nic add "$(nic)" || return 1
        pause 3
    done
}
# Not among the faults that a host may have: the blocks that would be overwritten last of all.
fault_rot() {
    local n
    for n in 8 16 24; do
        printf 'rot' | dd of="$folder/data" bs=1 seek="$(((${known[data]} - n) % ${blocks[data]} * 4096 + 100))" conv=notrunc status=none || return 1
    done
}
vmbus() { said=$(timeout 120 "$VMBUS" "$@" 2>&1) || { lose "vmbus $*: $said"; return 1; }; }

finish() {
    local limit=$((SECONDS + patience)) status=0 disk
    kill "$services"
    forget
    order hold
    compare_disks 0 || return 1
    order end
    while kill -0 "$worker" 2>/dev/null; do
        ((SECONDS < limit)) || { lose "the guest did not power off within $patience s"; return 1; }
        sleep 0.4
    done
    wait "$worker" || status=$?
    worker=
    ((status == 0)) || { lose "the worker ended with status $status: $(tail -n 1 "$folder/errors")"; return 1; }
    for disk in "${disks[@]}"; do
        "$work/soak" check "$(image "$disk")" "$number" "$disk=${blocks[$disk]}" "${known[$disk]}" 0 >/dev/null || lose "$disk: after the end its image holds other blocks than were told"
    done
    # 3: clusters that nothing refers to, which a killed writer leaves.
    [[ $kind == minimal ]] || qemu-img check -q "$folder/root" >/dev/null 2>&1 || (($? == 3)) || lose "root: qemu-img finds errors in the image"
    [[ ! -s $folder/lost ]]
}
