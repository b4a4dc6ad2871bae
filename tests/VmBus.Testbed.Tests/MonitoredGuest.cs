namespace VmBus.Testbed.Tests;

/// <summary>Scripts for a minimal guest whose <c>vmbus run</c> has its monitor used while it runs.</summary>
internal static class MonitoredGuest
{
    /// <summary>
    /// Starts guests of the kernel $kernel (6.1 unless set) with the script in $script and the memory $memory (512M): the descriptor $keys is the standard input of <c>vmbus run</c>,
    /// $console its output. <c>start_guest</c> is minimal and starts once; without --no-reboot when $again is set. <c>start_debian</c> is Debian on $work/root.img.
    /// </summary>
    public const string Start =
        """
        set -eu
        work=$(mktemp -d "$VMBUS_SCRATCH/hotplug.XXXXXX"); worker=; trap 'kill -9 $worker 2>/dev/null || true; rm -rf "$work"' EXIT
        mkfifo "$work/keys" "$work/pipe"; exec {keys}<>"$work/keys" {both}<>"$work/pipe"
        start_guest() {
            run_guest --kernel "$MINIMAL/vmlinuz-${kernel-6.1}" --initrd "$MINIMAL/minimal-${kernel-6.1}" --memory ${memory-512M} ${again---no-reboot} \
                --append "console=ttyS0 panic=-1 quiet vmbus.run=$(base64 -w0 <<<"$script")" "$@"
        }
        start_debian() {
            cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"; printf '%s\n' "$script" >"$work/script"
            tests/testbed/guest-job make "$work/job.img" "$work/script"
            run_guest --kernel "$VMBUS_GUESTS/vmlinuz-${kernel-6.1}" --initrd "$VMBUS_GUESTS/initrd-${kernel-6.1}" --memory 1G --no-reboot \
                --disk "$work/root.img" --disk "$work/job.img" \
                --append "console=ttyS0 panic=-1 quiet root=LABEL=root rw $(tests/testbed/guest-job append)" "$@"
        }
        run_guest() {
            "$VMBUS" run "$@" <&$keys >&$both 2>"$work/errors" &
            worker=$!
            exec {console}<"$work/pipe" {both}>&-
        }
        wait_for() {
            local line
            while IFS= read -r -t 120 line <&$console; do printf '%s\n' "$line" >>"$work/seen"; [[ $line != *"$1"* ]] || return 0; done
            kill -0 "$worker" 2>/dev/null && echo "no '$1' on the console, but:" >&2 || echo "no '$1' before the end, but:" >&2
            tail -n 20 "$work/seen" "$work/errors" >&2; return 1
        }
        # For what may be on the console before something else that is waited for.
        seen() { grep -qF -- "$1" "$work/seen" || wait_for "$1"; }
        monitor() { printf '\001c%s\n\001c' "$1" >&$keys; wait_for "$2"; }
        # The runtime opens its libraries when it first needs them.
        descriptors() { readlink /proc/$worker/fd/* | grep -vc '\.dll$'; }
        is_locked() { ! qemu-io -f "$1" -c 'read 0 512' "$2" >/dev/null 2>&1; }
        # The monitor answers at once, in the middle of a guest's line if there is one.
        ended() { local status=0; cat <&$console >>"$work/seen"; wait "$worker" || status=$?; tr -d '\r' <"$work/seen" | sed 's/error: /\n&/g' | grep -o 'mark .*'; echo "status $status"; }

        """;

    /// <summary>The guest's words: it tells what it sees in lines that begin with "mark".</summary>
    public const string Words =
        """
        tell() { sleep 0.5; echo "mark $*"; }
        node() { until [ -b $1 ]; do sleep 0.1; done; }
        gone() { until [ ! -b $1 ]; do sleep 0.1; done; }
        warnings() { dmesg | grep -cE "WARNING:|BUG:|Oops|hung task"; }
        size() { until [ "$(blockdev --getsize64 $1)" = $2 ]; do sleep 0.1; done; }

        """;
}
