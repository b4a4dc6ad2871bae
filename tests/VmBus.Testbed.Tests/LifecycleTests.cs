using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>How partitions end and begin again: resets, new kernels, signals, crashes, a killed worker.</summary>
[Collection(TestbedCollection.Name)]
public sealed class LifecycleTests(GuestFixture host)
{
    // Starts a minimal guest with the script in $script; its console is the descriptor $console and its process $worker.
    private const string StartGuest =
        """
        set -eu
        work=$(mktemp -d "$VMBUS_SCRATCH/life.XXXXXX"); worker=; trap 'kill -9 $worker 2>/dev/null || true; rm -rf "$work"' EXIT
        truncate -s 16M "$work/disk"; mkfifo "$work/pipe"; exec {both}<>"$work/pipe"
        start_guest() {
            "$VMBUS" run --kernel "$MINIMAL/vmlinuz-6.1" --initrd "$MINIMAL/minimal-6.1" --memory 512M --disk "$work/disk" \
                --append "console=ttyS0 panic=-1 quiet vmbus.run=$(base64 -w0 <<<"$script")" "$@" </dev/null >&$both 2>"$work/errors" &
            worker=$!
            exec {console}<"$work/pipe" {both}>&-
        }
        wait_for() { local line; while IFS= read -r line <&$console; do [[ $line == *"$1"* ]] && return; done; echo "no '$1' on the console" >&2; return 1; }
        ended() { local status=0; cat <&$console >/dev/null; wait "$worker" || status=$?; cat "$work/errors"; echo "status $status"; }

        """;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    [FullFact]
    public async Task Twenty_resets_leave_the_workers_descriptors_threads_and_memory_as_they_were()
        => (await host.RunGuestAsync("VMBUS_GUESTS=$MINIMAL tests/testbed/lifecycle reboot 20", Limit)).EnsureSuccess();

    [Fact]
    public async Task Kexecs_leave_the_workers_descriptors_threads_and_memory_as_they_were()
        => (await host.RunGuestAsync($"VMBUS_GUESTS=$MINIMAL tests/testbed/lifecycle kexec {(FullDataAttribute.IsWanted ? 5 : 3)}", Limit)).EnsureSuccess();

    [Fact]
    public async Task Reset_with_no_reboot_ends_with_3()
    {
        CommandResult result = await host.RunGuestAsync(StartGuest + "script='reboot -f'; start_guest --no-reboot; ended", Limit);
        Assert.EndsWith("status 3\n", result.EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("reset", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Panic_ends_with_3_and_the_panic_message()
    {
        CommandResult result = await host.RunGuestAsync(StartGuest + "script='echo c >/proc/sysrq-trigger'; start_guest; ended", Limit);
        Assert.EndsWith("status 3\n", result.EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("sysrq triggered crash", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sigterm_to_a_guest_that_ignores_the_power_button_ends_with_130_after_the_limit()
    {
        CommandResult result = await host.RunGuestAsync(
            StartGuest + "script='rmmod hv_utils; echo ready; sleep 100000'; start_guest --stop-timeout 1; wait_for ready; kill -TERM $worker; ended", Limit);
        Assert.EndsWith("status 130\n", result.EnsureSuccess().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_worker_loses_nothing_that_the_guest_had_flushed()
    {
        CommandResult result = await host.RunGuestAsync(
            StartGuest +
            """
            script='until [ -b /dev/sda ]; do sleep 0.1; done; i=0
            while :; do
                printf "%-512s" "record $i" | dd of=/dev/sda bs=512 seek=$i conv=fsync,notrunc 2>/dev/null
                echo "flushed $i."; i=$((i + 1))
            done'
            start_guest; wait_for 'flushed 40.'
            kill -9 $worker; wait $worker || true
            last=$(cat <&$console | tr -d '\r' | sed -n 's/^flushed \([0-9]*\)\.$/\1/p' | tail -n 1)
            for i in $(seq 0 "${last:-40}"); do
                record=$(dd if="$work/disk" bs=512 skip=$i count=1 status=none | tr -d '\0')
                [[ $record == "record $i "* ]] || { echo "record $i is lost: '$record'" >&2; exit 1; }
            done
            """,
            Limit);
        result.EnsureSuccess();
    }

    [Fact]
    public async Task Second_partition_on_a_disk_in_use_is_refused()
    {
        CommandResult result = await host.RunGuestAsync(
            StartGuest +
            """
            script='echo ready; sleep 100000'; start_guest --stop-timeout 0; wait_for ready
            status=0; "$VMBUS" run --kernel "$MINIMAL/vmlinuz-6.1" --disk "$work/disk" --console none || status=$?
            kill -TERM $worker; ended; exit $status
            """,
            Limit);
        Assert.Equal(1, result.ExitStatus);
        Assert.Contains("/disk", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }
}
