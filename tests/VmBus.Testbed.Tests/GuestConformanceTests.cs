using System.Text.Json;
using VmBus.TestKit.SpecTables;
using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Unmodified guests keep the guest's rules of the protocol pages, by <c>vmbus conformance --guest</c>.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class GuestConformanceTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9);

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Minimal_guest_keeps_every_rule_that_is_seen_while_it_starts_again_and_loses_devices(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel} again=\n" + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; rmmod hv_storvsc; insmod /modules/hv_storvsc.ko; node /dev/sda
            until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
            until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done; ip link set eth0 mtu 1400
            while :; do dd if=/dev/sda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null; sleep 0.2; done &
            while :; do for nic in /sys/class/net/eth*; do n=${nic##*/}; ip addr add 10.9.${n#eth}.2/24 dev $n; ip link set $n up; ping -c 1 -W 1 10.9.${n#eth}.1; done >/dev/null 2>&1; sleep 0.2; done &
            until dmesg | grep -q "Heartbeat IC version"; do sleep 0.1; done; tell ready
            sleep 100000
            '
            modprobe tun
            for n in 0 1; do
                ip link delete tap$n 2>/dev/null || true
                ip tuntap add tap$n mode tap multi_queue; ip addr add 10.9.$n.1/24 dev tap$n; ip link set tap$n up
            done
            trap 'kill -9 $worker 2>/dev/null || true; ip link delete tap0; ip link delete tap1; rm -rf "$work"' EXIT
            truncate -s 16M "$work/disk"
            start_guest --name guest --cpus 2 --control "$work/control" --disk "$work/disk" --nic tap=tap0; wait_for 'mark ready'
            cat <&$console >/dev/null &
            status=0; "$VMBUS" conformance --guest --reboot --nic tap=tap1 --control "$work/control" --json "$VMBUS_SHARE/guest.json" --junit "$VMBUS_SHARE/guest.xml" || status=$?
            "$VMBUS" kill --control "$work/control"; wait $worker || true
            exit $status
            """,
            Limit);
        Report report = Read(result, $"guest-{kernel}");
        Assert.Equal("guest", report.Guest);
        string forTestTools = KeptReport.Keep(Path.Combine(host.Share, "guest.xml"), $"guest-{kernel}.xml");
        Assert.Contains("<testsuites name=\"guest\"", await File.ReadAllTextAsync(forTestTools), StringComparison.Ordinal);
        SpecTable table = SpecPage.Load("README.md").Table("rules", 2);
        for (int row = 0; row < table.RowCount; row++)
        {
            string page = table.Cell(row, "page");
            (string Rule, string Page, string Verdict)[] results = [.. report.Results.Where(result => page == "all" || result.Page == page)];
            Assert.Equal(
                (page, table.Number(row, "rules"), table.Number(row, "pass"), table.Number(row, "fail"), table.Number(row, "not covered")),
                (page, (ulong)results.Length, Count(results, "pass"), Count(results, "FAIL"), Count(results, "not covered")));
        }
    }

    [FullFact]
    public async Task Debian_keeps_the_rules_of_sockets_and_of_full_rings_while_it_is_as_it_was()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" +
            """
            mkdir -p /tools; until mount -o ro LABEL=TOOLS /tools 2>/dev/null; do sleep 0.1; done
            tar -xzf /tools/*.tar.gz -C /; systemctl daemon-reload; systemctl enable --now --quiet vmbus-guest-exec && echo "mark ready" >/dev/console
            sleep 100000
            '
            mkdir "$work/tools"; cp "$GUEST_TOOLS"/*.tar.gz "$work/tools/"
            truncate -s 16M "$work/tools.img"; mke2fs -q -t ext4 -L TOOLS -d "$work/tools" "$work/tools.img"
            start_debian --name guest --cpus 2 --exec --control "$work/control" --disk "$work/tools.img"; wait_for 'mark ready'
            cat <&$console >/dev/null &
            # More than the rings hold, to a program that is slow to take it.
            head -c 32M /dev/zero | "$VMBUS" exec --control "$work/control" -- sh -c 'while head -c 65536 | grep -q .; do :; done' & busy=$!
            status=0; "$VMBUS" conformance --guest --control "$work/control" --json "$VMBUS_SHARE/guest.json" || status=$?
            wait $busy || true
            "$VMBUS" kill --control "$work/control"; wait $worker || true
            exit $status
            """,
            Limit);
        string[] passed = [.. Read(result, "guest-debian").Results.Where(static result => result.Verdict == "pass").Select(static result => result.Rule)];
        Assert.Empty(new[] { "DM-9", "IC-12", "IC-14", "RG-21", "RG-22", "RG-24", "RG-25", "SK-7", "SK-8", "ST-26" }.Except(passed));
    }

    private Report Read(CommandResult result, string name)
    {
        result.EnsureSuccess();
        using var json = JsonDocument.Parse(File.ReadAllText(KeptReport.Keep(Path.Combine(host.Share, "guest.json"), $"{name}.json")));
        Assert.Equal(0, json.RootElement.GetProperty("fail").GetInt32());
        return new Report(json.RootElement.GetProperty("guest").GetString()!, [.. json.RootElement.GetProperty("results").EnumerateArray().Select(static result =>
            (result.GetProperty("rule").GetString()!, result.GetProperty("page").GetString()!, result.GetProperty("verdict").GetString()!))]);
    }

    private static ulong Count((string Rule, string Page, string Verdict)[] results, string verdict) => (ulong)results.Count(result => result.Verdict == verdict);

    private sealed record Report(string Guest, (string Rule, string Page, string Verdict)[] Results);
}
