using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>The integration services with Debian's kernels, and with its own daemons where there are any, by commands on the monitor of <c>vmbus run</c>.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class IntegrationTests(LinkedGuestFixture host)
{
    // Debian boots slowly where processors are emulated.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9);

    [Theory]
    [FullData("6.1", "FCopy IC version 1.1\n")]
    [InlineData("6.12", "")]
    public async Task Kernel_agrees_on_versions_sets_its_clock_lets_the_driver_go_and_come_and_starts_again(string kernel, string fileCopy)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel} again=; script='all={(fileCopy.Length > 0 ? 5 : 4)}\n" + MonitoredGuest.Words +
            """
            versions() { dmesg | grep -o "[A-Za-z]* IC version .*" | sort | while read -r l; do echo "mark $l"; done; }
            until [ $(dmesg | grep -c "IC version") = $all ]; do sleep 0.1; done
            versions; tell ready
            date -s "2001-01-01 00:00:00" >/dev/null; tell wrong
            while [ $(date +%Y) = 2001 ]; do sleep 0.1; done; tell corrected $(cat /sys/class/ptp/*/clock_name)
            rmmod hv_utils; tell gone
            insmod /modules/hv_utils.ko; until [ $(dmesg | grep -c "Heartbeat IC version") = 2 ]; do sleep 0.1; done; tell back
            dmesg -r | grep "^<[0-4]>" | grep -vE "hrtimer: interrupt took|amd_pstate:" | while read -r l; do echo "mark $l"; done; tell done
            sleep 100000
            '
            start_guest; wait_for 'mark ready'
            seen 'mark wrong'; monitor 'time sync' 'the guest has set its clock'; seen 'mark corrected'
            seen 'mark back'; seen 'mark done'
            monitor services 'Heartbeat                3.0      ready'; monitor heartbeat 'OK, applications unknown; '
            monitor services 'Shutdown                 3.2      ready'; monitor services 'Time Synchronization     4.0      ready'
            monitor services 'Key-Value Pair Exchange  -        waiting for the guest'
            monitor 'kvp list' 'error: Key-Value Pair Exchange: '
            monitor hibernate 'error: Shutdown: the guest did not hibernate: '
            monitor freeze 'error: VSS: the guest did not agree to a backup: '
            monitor reboot 'the guest starts again'
            wait_for 'mark ready'; kill -TERM $worker; ended
            """,
            Limit);
        string versions = $"mark {fileCopy.Replace("\n", "\nmark ", StringComparison.Ordinal)}Heartbeat IC version 3.0\nmark Shutdown IC version 3.2\nmark TimeSync IC version 4.0\nmark VSS IC version 5.0\nmark ready\n";
        Assert.StartsWith(versions + "mark wrong\nmark corrected hyperv\nmark gone\nmark back\nmark done\n" + versions, result.EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.EndsWith("status 0\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guest_without_the_driver_is_told_of_and_gets_the_power_button()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            until dmesg | grep -q "Heartbeat IC version"; do sleep 0.1; done; tell ready
            rmmod hv_utils; tell silent; sleep 100000
            '
            start_guest --stop-timeout 1; wait_for 'mark ready'
            wait_for 'mark silent'; monitor heartbeat 'no contact; '
            monitor shutdown 'error: Shutdown: the guest has no driver for it, or is not that far yet.'
            monitor poweroff 'the guest is asked to power off'; ended
            """,
            Limit);
        Assert.Equal("mark ready\nmark silent\nstatus 130\n", result.EnsureSuccess().Output);
    }

    [Theory]
    [InlineData("6.1", true)]
    [FullData("6.12", false)]
    public async Task Debians_daemons_exchange_items_and_addresses_take_files_freeze_and_let_the_guest_power_off(string kernel, bool hasFileCopy)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel} files={(hasFileCopy ? "hv-fcopy-daemon" : "")}; script=\"files=$files\"'\n" +
            """
            exec >/dev/console 2>&1
            tell() { echo "mark $*"; }
            pools=/var/lib/hyperv/.kvp_pool_
            holds() { until grep -aq "$2" $pools$1 2>/dev/null; do sleep 0.2; done; }
            printf "#!/bin/sh\nsort \$1 >/var/lib/hyperv/seen\n" >/usr/libexec/hypervkvpd/hv_set_ifconfig
            for unit in hv-kvp-daemon hv-vss-daemon $files; do until systemctl is-active -q $unit; do sleep 0.2; done; done
            ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0
            holds 3 VirtualMachineName; tell ready
            holds 0 "two words"; tell $(perl -e "open F, qq(<${pools}0); read F, \$r, 2560; print join q(=), unpack q(Z512Z2048), \$r")
            perl -e "print pack qq(a512a2048), qq(Colour\e[31m), qq(red)" >>${pools}1; tell written
            holds 0 script; chmod 755 /usr/libexec/hypervkvpd/hv_set_ifconfig; tell script
            until [ -s /var/lib/hyperv/seen ]; do sleep 0.2; done; tell $(grep -E "IPADDR|NETMASK|GATEWAY|DNS" /var/lib/hyperv/seen)
            if [ -n "$files" ]; then
                holds 0 copied; tell $(stat -c "%a %s" /root/new/folder/file) $(sha256sum </root/new/folder/file)
            fi
            date -s "2001-01-01" >/dev/null; tell wrong
            while [ $(date +%Y) = 2001 ]; do sleep 0.1; done
            tell clock $(perl -e "open F, qq(</dev/ptp0) or die; for (1..9) { my (\$p, \$c) = (qq( ) x 16) x 2; syscall(228, ((~fileno F) << 3) | 3, \$p);
                syscall(228, 0, \$c); my (\$ps, \$pn, \$cs, \$cn) = (unpack(q(qq), \$p), unpack(q(qq), \$c));
                \$d = abs((\$ps - \$cs) + (\$pn - \$cn) / 1e9); \$best = \$d if !defined \$best || \$d < \$best } print((\$best < 0.5) ? q(agrees) : \$best)")
            (while :; do dd if=/dev/zero of=/root/tick bs=4096 count=1 conv=fsync 2>/dev/null; echo "tick"; sleep 0.3; done) &
            (while :; do echo "alive"; sleep 0.3; done) &
            dmesg -r | grep "^<[0-4]>" | grep -vE "CONFIG_IMA_DISABLE_HTABLE|hrtimer: interrupt took|amd_pstate:" | while read -r line; do tell "$line"; done
            tell busy; sleep 100000
            '
            modprobe tun
            ip tuntap add tap0 mode tap; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            trap 'kill -9 $worker 2>/dev/null || true; ip link delete tap0; rm -rf "$work"' EXIT
            dd if=/dev/urandom of="$work/a file" bs=1000 count=3001 status=none; sum=$(sha256sum <"$work/a file"); sum=${sum%% *}
            start_debian --cpus 2 --nic tap=tap0,mac=52:54:00:00:00:0a,id=lan --log info --stop-timeout 120; wait_for 'mark ready'
            monitor 'kvp get OSName' 'Debian GNU/Linux'; monitor 'kvp list host' 'host:VirtualMachineName = guest'
            monitor 'kvp set Word "two words"' 'Word is set in the pool external'; seen 'mark Word=two words'
            monitor 'kvp get Word' 'two words'; monitor 'kvp remove Word' 'Word is removed'; monitor 'kvp remove Word' 'error: There is no key'
            seen 'mark written'; monitor 'kvp list guest' 'guest:Colour\u{1b}[31m = red'
            monitor ip 'lan: 52:54:00:00:00:0a'; monitor ip 'address  10.9.0.2, subnet 255.255.255.0'
            monitor 'ip set lan 10.9.0.3/24' 'error: Key-Value Pair Exchange: the guest did not set the addresses: '
            monitor 'ip set wan dhcp' 'error: There is no network adapter'
            monitor 'kvp set next script' 'next is set'; seen 'mark script'
            monitor 'ip set lan 10.9.0.3/24 gateway 10.9.0.1 dns 10.9.0.5' 'the guest uses them on network adapter lan'; seen 'mark DNS1=10.9.0.5'
            if [[ -n $files ]]; then
                monitor "copy \"$work/a file\" /root/new/folder/file" 'error: Guest Service Interface: '
                monitor "copy \"$work/a file\" /root/new/folder/file create" ' copied: '
                monitor "copy \"$work/a file\" /root/new/folder/file" 'there is a file of that name'
                monitor "copy \"$work/a file\" /root/new/folder/file overwrite" ' copied: '
                monitor 'kvp set next copied' 'next is set'; seen "mark 744 3001000 $sum"
            else
                monitor "copy \"$work/a file\" /root/" 'error: Guest Service Interface: the guest has no driver for it'
            fi
            seen 'mark wrong'; monitor 'time sync' 'the guest has set its clock'; seen 'mark clock agrees'; seen 'mark busy'
            monitor freeze 'frozen; they are thawed in 60 s'
            # What the guest had printed before it was frozen may still be on its way.
            wait_for alive; wait_for alive; printf 'frozen\n' >>"$work/seen"; for i in 1 2 3 4 5 6; do wait_for alive; done; printf 'thawing\n' >>"$work/seen"
            monitor freeze 'error: VSS: the guest'; monitor thaw 'thawed'; wait_for tick; wait_for tick
            echo "ticks while frozen $(tr -d '\r' <"$work/seen" | sed -n '/^frozen/,/^thawing/p' | grep -cx 'tick')"
            monitor 'freeze 2' 'frozen; they are thawed in 2 s'
            until grep -q 'nobody has thawed' "$work/errors"; do sleep 0.1; done; wait_for tick; wait_for tick; echo 'thawed by itself'
            monitor freeze 'frozen; they are thawed in 60 s'
            kill -TERM $worker; ended
            e2fsck -fn "$work/root.img" >/dev/null 2>&1 && echo clean
            """,
            Limit);
        string[] marks = [.. result.EnsureSuccess().Output.Split('\n').Where(static line => !line.StartsWith("mark 744", StringComparison.Ordinal))];
        Assert.Equal(
            [
                "ticks while frozen 0", "thawed by itself", "mark ready", "mark Word=two words", "mark written", "mark script",
                "mark DNS1=10.9.0.5 GATEWAY=10.9.0.1 IPADDR0=10.9.0.3 NETMASK0=255.255.255.0", "mark wrong", "mark clock agrees", "mark busy", "status 0", "clean", "",
            ],
            marks);
    }
}
