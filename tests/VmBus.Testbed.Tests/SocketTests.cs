using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>An unmodified Debian's AF_VSOCK over Hyper-V sockets; socat is the program at both ends.</summary>
[Collection(TestbedCollection.Name)]
public sealed class SocketTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);
    private static readonly int Streams = FullDataAttribute.IsWanted ? 200 : 10;
    private static readonly int Mebibytes = FullDataAttribute.IsWanted ? 32 : 3;

    // The guest's connect to port 5000 gets the file `down`, to 5001 the sum of what it sends, and to 5002 an end of the parent's waiting.
    private const string Parent =
        """
        set -eu
        work=$(mktemp -d "$VMBUS_SCRATCH/sock.XXXXXX"); servers=()
        trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
        head -c "${VMBUS_SOCKET_MIB:-$mib}M" /dev/urandom >"$work/down"
        socat -t 300 "UNIX-LISTEN:$work/vsock_5000,fork" "EXEC:cat $work/down" & servers+=("$!")
        socat -t 300 "UNIX-LISTEN:$work/vsock_5001,fork" EXEC:sha256sum & servers+=("$!")
        mkfifo "$work/ready"; printf '#!/bin/sh\necho >"%s"\n' "$work/ready" >"$work/tell"; chmod +x "$work/tell"
        socat -u "UNIX-LISTEN:$work/vsock_5002,fork" "EXEC:$work/tell" & servers+=("$!")
        cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"
        guest() { tests/testbed/guest-run --kernel "$1" --cpus 2 --append quiet --root "$work/root.img" --option "--vsock=$work/vsock" debian "$2"; }

        """;

    [Theory]
    [InlineData("6.1")]
    [FullData("6.12")]
    public async Task Guest_and_host_copy_to_each_other_and_many_streams_are_open_at_once(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            $"kernel={kernel} count={Streams} mib={Mebibytes}\n" + Parent + """
            streams() {
                read -r _ <"$work/ready"
                for i in $(seq $count); do { echo "CONNECT 6000"; echo "stream $i"; } | socat -t 300 - "UNIX-CONNECT:$work/vsock" >"$work/stream.$i" & streams+=("$!"); done
                wait "${streams[@]}" || true
                # Each got the greeting with a port of its own, and its own words.
                cat "$work"/stream.* | grep -c "^OK "; cat "$work"/stream.* | grep "^OK " | sort -u | wc -l
                for i in $(seq $count); do tail -n 1 "$work/stream.$i"; done | sort -u | grep -c "^stream [0-9]*$"
                { echo "CONNECT 6001"; cat "$work/down"; } | socat -t 300 - "UNIX-CONNECT:$work/vsock" | tail -n 1
                echo "CONNECT 6999" | socat -t 300 - "UNIX-CONNECT:$work/vsock" | wc -c
                echo "CONNECT 6002" | socat -t 300 - "UNIX-CONNECT:$work/vsock" | tail -n 1
            }
            streams=(); streams >"$work/host" & servers+=("$!"); client=$!
            guest $kernel 'set -eu
                modprobe hv_sock
                socat -u VSOCK-CONNECT:2:5000 - >/tmp/down; sha256sum </tmp/down
                socat -t 300 - VSOCK-CONNECT:2:5001 </tmp/down
                socat - VSOCK-CONNECT:2:5999,connect-timeout=5 </dev/null 2>&1 | grep -o "Connection timed out" || true
                socat -d -d -t 60 VSOCK-LISTEN:6000,backlog=256,fork EXEC:cat 2>/tmp/one & one=$!
                socat -d -d -t 60 VSOCK-LISTEN:6001,backlog=256,fork EXEC:sha256sum 2>/tmp/two & two=$!
                until grep -q listening /tmp/one && grep -q listening /tmp/two; do sleep 0.1; done
                echo | socat -u - VSOCK-CONNECT:2:5002
                # The host has said all it has to say: without -t, socat waits half a second for what it executes.
                socat -t 60 VSOCK-LISTEN:6002 EXEC:"echo the end"
                kill $one $two
                while ls -l /sys/bus/vmbus/devices | grep -q facb-11e6; do sleep 0.1; done; echo none left
                dmesg --level emerg,alert,crit,err,warn --notime | grep -E "hv_|vmbus|vsock" || true' >"$work/said"
            wait "$client"
            sha256sum <"$work/down"; cat "$work/said" "$work/host"
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        string sum = lines[0];
        // A refused connect is a time-out for Linux, which does not read the refusal.
        Assert.Equal([sum, sum, sum, "Connection timed out", "none left", $"{Streams}", $"{Streams}", $"{Streams}", sum, "0", "the end"], lines);
    }
}
