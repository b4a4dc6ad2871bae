using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Commands that the host runs in an unmodified Debian over a Hyper-V socket; the exec service is systemd's, from the guest tools' tarball.</summary>
[Collection(TestbedCollection.Name)]
public sealed class ExecTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    // The guest serves until the host says the end. `x` tells the exit status of a command on the line after what it has written.
    private const string Guest =
        """
        script='
            mkdir -p /tools; until mount -o ro LABEL=TOOLS /tools 2>/dev/null; do sleep 0.1; done
            tar -xzf /tools/*.tar.gz -C / && stat -c "mark %U %a %n" / /usr/bin/vmbus-guest
            mkfifo /run/end; exec 4<>/run/end
            systemctl daemon-reload; systemctl enable --now --quiet vmbus-guest-exec && echo "mark ready"; read -r -u 4 _
            systemctl stop vmbus-guest-exec; echo "mark service $(systemctl show -P Result -P NRestarts -P ActiveState vmbus-guest-exec | xargs)"
            dmesg --level emerg,alert,crit,err,warn --notime | grep -E "hv_|vmbus|vsock" || true
        '
        start_exec() {
            mkdir "$work/tools"; cp "$GUEST_TOOLS"/*.tar.gz "$work/tools/"
            truncate -s 16M "$work/tools.img"; mke2fs -q -t ext4 -L TOOLS -d "$work/tools" "$work/tools.img"
            export VMBUS_CONTROL=$work/control
            start_debian --cpus 2 --control "$VMBUS_CONTROL" --disk "$work/tools.img" "$@"; wait_for 'mark ready'
        }
        x() { local status=0; timeout 120 "$VMBUS" exec "$@" || status=$?; echo "status $status"; }
        wait_line() { until grep -q "$1" "$2" 2>/dev/null; do sleep 0.1; done; }

        """;

    [Theory]
    [InlineData("6.1")]
    [FullData("6.12")]
    public async Task Host_runs_commands_with_input_outputs_signals_exit_status_and_terminal(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + Guest + $"kernel={kernel}\n" +
            """
            start_exec --exec
            x -- id -u
            x -- sh -c 'echo out; echo err >&2; exit 7' 2>"$work/err"; cat "$work/err"
            x -- sh -c 'kill -KILL $$'
            x -- sh -c 'systemctl show -P ActiveState vmbus-guest-exec; [ $PPID = $(systemctl show -P MainPID vmbus-guest-exec) ] && echo its own'
            x -- no-such-program 2>&1
            x -- /etc 2>&1
            x --user no-such-user -- true 2>&1
            x --user nobody --cwd /usr --env A=b -- sh -c 'echo $(id -un) $PWD $A'
            head -c 8M /dev/urandom >"$work/up"; sum=$(sha256sum <"$work/up")
            [[ $(x -- sha256sum <"$work/up") == "$sum"* ]] && echo 'the same up'
            [[ $(x -- cat <"$work/up" | head -c 8M | sha256sum) == "$sum" ]] && echo 'the same down'
            x -- apt-get --version </dev/null | head -n 1 | cut -d ' ' -f 1
            (($(x -- apt list --installed </dev/null 2>/dev/null | grep -c installed) > 100)) && echo 'packages'
            x -t -- sh -c 'tty; stty -echo; read -r line; echo "got $line"' <<<typed | tr -d '\r' | grep -vx typed
            env --default-signal=INT "$VMBUS" exec --no-stdin -- sh -c 'trap "echo interrupted; exit 5" INT; echo up; while :; do sleep 0.1; done' >"$work/int" & pid=$!
            wait_line up "$work/int"; kill -INT $pid; status=0; wait $pid || status=$?; echo "status $status $(tail -n 1 "$work/int")"
            # Ctrl-C of a terminal here is a key there: script(1) is the person in front of one.
            { wait_line up "$work/tty"; printf '\003'; } | timeout 120 script -qefc "$VMBUS exec -t -- sh -c 'echo up; exec sleep 1000'" "$work/tty" >/dev/null || echo "status $?"
            "$VMBUS" exec -- sleep 12345 & pid=$!; x -- sh -c 'until pgrep -f "^sleep 12345" >/dev/null; do sleep 0.1; done'
            kill -KILL $pid; wait $pid 2>/dev/null || true; x -- sh -c 'while pgrep -f "^sleep 12345" >/dev/null; do sleep 0.1; done; echo gone'
            for i in $(seq 20); do "$VMBUS" exec --no-stdin -- echo "$i" & done >"$work/many"; wait $(jobs -p | grep -vx $worker); sort -n "$work/many" | tr '\n' ' '; echo
            # Nobody but the host is served, and nobody but root can serve.
            x -- sh -c 'modprobe vsock_loopback; socat -t 60 - VSOCK-CONNECT:1:512 </dev/null 2>/dev/null | wc -c; journalctl --sync; journalctl -b -u vmbus-guest-exec --no-pager -o cat | grep -c "refused a connection of 1,"'
            x --user nobody -- socat -t 1 - VSOCK-LISTEN:512 2>&1 </dev/null | grep -o 'Permission denied'
            x -- sh -c 'echo >/run/end'
            ended
            """,
            Limit);
        string[] lines = [.. result.EnsureSuccess().Output.Trim().Split('\n')];
        Assert.Equal(
            [
                "0", "status 0", "out", "status 7", "err", "status 137", "active", "its own", "status 0",
                "vmbus: The guest: there is no program 'no-such-program'", "status 127",
                "vmbus: The guest: '/etc' cannot be run: it is a folder, or nobody may execute it", "status 126",
                "vmbus: The guest: there is no user 'no-such-user'", "status 1",
                "nobody /usr b", "status 0", "the same up", "the same down", "apt", "packages",
                "/dev/pts/0", "got typed", "status 0", "status 5 interrupted", "status 130", "status 0", "gone", "status 0",
                string.Join(' ', Enumerable.Range(1, 20)) + " ", "0", "1", "status 0", "Permission denied", "status 0",
                "mark root 755 /", "mark root 755 /usr/bin/vmbus-guest", "mark ready", "mark service success 0 inactive", "status 0",
            ],
            lines);
    }

    [Theory]
    [InlineData("", "Commands in the guest are off for this partition: start it with 'vmbus run --exec'.")]
    [InlineData("--exec", "The guest does not take commands: it has no exec service on port 512. Start 'vmbus-guest-exec' in it; it needs hv_sock and VMBus 4.0.")]
    public async Task Command_is_refused_unless_the_partition_and_the_guest_have_turned_them_on(string option, string refusal)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words + "tell ready; sleep 100000'\n" +
            $"""
            export VMBUS_CONTROL=$work/control
            start_guest --control "$VMBUS_CONTROL" {option}; wait_for 'mark ready'
            status=0; "$VMBUS" exec -- true 2>&1 || status=$?; echo "status $status"
            "$VMBUS" kill
            """,
            Limit);
        Assert.Equal($"vmbus: {refusal}\nstatus 1\n", result.EnsureSuccess().Output);
    }
}
