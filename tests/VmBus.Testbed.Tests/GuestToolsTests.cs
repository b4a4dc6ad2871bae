using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>The guest tools' package in Debian, in the place of its own daemons, by commands on the monitor of <c>vmbus run</c>.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class GuestToolsTests(LinkedGuestFixture host)
{
    // Debian boots slowly where processors are emulated.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9);

    // Puts the package on a disk of its own, which $tools names.
    private const string Disk =
        """
        mkdir "$work/tools"; cp "$GUEST_TOOLS"/*.deb "$work/tools/"; tools=$work/tools.img
        truncate -s 32M "$tools"; mke2fs -q -t ext4 -L TOOLS -d "$work/tools" "$tools"

        """;

    // In the guest: installs it, with what it says on the console; $files is the unit of file copy or nothing.
    private const string Install =
        """
        exec >/dev/console 2>&1
        tell() { echo "mark $*"; }
        pools=/var/lib/hyperv/.kvp_pool_
        holds() { until grep -aq "$2" $pools$1 2>/dev/null; do sleep 0.2; done; }
        said() { until journalctl -b --no-pager -o cat -t vmbus-guest | grep -q "$1"; do sleep 0.2; done; }
        install_tools() {
            mkdir -p /opt/tools; mount LABEL=TOOLS /opt/tools; dpkg -i /opt/tools/*.deb >/dev/null && tell installed; umount /opt/tools
        }
        replace_daemons() {
            systemctl mask -q --now hv-kvp-daemon hv-vss-daemon hv-fcopy-daemon 2>/dev/null
            systemctl restart vmbus-guest-kvp vmbus-guest-vss vmbus-guest-fcopy vmbus-guest-time
        }
        served() { vmbus-guest status | grep -c "vmbus-guest (process"; }

        """;

    [Theory]
    [InlineData("6.1", true)]
    [FullData("6.12", false)]
    public async Task Services_stand_beside_Debians_daemons_and_in_their_place_exchange_items_and_addresses_take_files_and_keep_the_clock(string kernel, bool hasDevice)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + Disk + $"kernel={kernel} files={(hasDevice ? "hv-fcopy-daemon" : "")}; script=\"files=$files\"'\n" + Install +
            """
            for unit in hv-kvp-daemon hv-vss-daemon $files; do until systemctl is-active -q $unit; do sleep 0.2; done; done
            install_tools
            said "kvp: /dev/vmbus/hv_kvp is open in hv_kvp_daemon (process [0-9]*); it is left to that program"
            said "vss: /dev/vmbus/hv_vss is open in hv_vss_daemon"
            if [ -n "$files" ]; then said "fcopy: /dev/vmbus/hv_fcopy is open in hv_fcopy_daemon"; else said "fcopy: ready on /dev/uio0"; fi
            tell beside $(served)
            replace_daemons
            until [ $(served) = 4 ]; do sleep 0.2; done
            holds 3 VirtualMachineName; ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0; tell replaced
            tell devices $(vmbus-guest devices | grep -cE "hv_(utils|storvsc|netvsc|balloon)"), $(vmbus-guest devices --json | grep -c instanceId)
            tell channel $(vmbus-guest channel eth0 | tail -n +2 | grep -c "Network Adapter")
            holds 0 "two words"; tell $(vmbus-guest kvp get Word), $(vmbus-guest kvp list external)
            vmbus-guest kvp set Colour red; vmbus-guest kvp get nosuch; tell written $?
            printf "#!/bin/sh\necho \$1 \$VMBUS_ADDRESSES \$VMBUS_GATEWAYS \$VMBUS_DNS \$VMBUS_DHCP >/run/seen\n" >/etc/vmbus-guest/ip.d/10-record
            holds 0 hooked; chmod 755 /etc/vmbus-guest/ip.d/10-record; tell hooked
            until [ -s /run/seen ]; do sleep 0.2; done; tell $(cat /run/seen)
            ln -s /var/tmp /root/link
            # The file has no name before it is whole.
            half() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q "/root/new/folder/#.* (deleted)"; }
            holds 0 begun; until half; do sleep 0.2; done; tell half
            holds 0 copied; while half; do sleep 0.2; done; tell $(stat -c "%a %s" /root/new/folder/file) $(sha256sum </root/new/folder/file)
            tell elsewhere $(ls -A /var/tmp | grep -c file), left $(ls -A /root/new/folder | wc -l)
            modprobe hv_sock; tell socket $(vmbus-guest bench --socket 7 --seconds 1 | grep -cE "µs for 99|there and back .* MiB/s")
            [ -n "$files" ] || tell bench $(vmbus-guest bench --seconds 1 | grep -cE "µs for 99|to the host .* MiB/s|there and back .* MiB/s")
            date -s "2001-01-01" >/dev/null; tell wrong
            while [ $(date +%Y) = 2001 ]; do sleep 0.1; done; said "time: stepped the clock by"
            tell clock $(vmbus-guest time | grep -cE "offset   [+-]?0\.[0-4]|kept by  vmbus-guest|chrony   refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2")
            dmesg -r | grep "^<[0-4]>" | grep -vE "CONFIG_IMA_DISABLE_HTABLE|hrtimer: interrupt took|amd_pstate:" | while read -r line; do tell "$line"; done
            dpkg -r vmbus-guest >/dev/null; tell removed $(pgrep -c vmbus-guest); sleep 100000
            '
            modprobe tun
            ip tuntap add tap0 mode tap; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            echoes=; trap 'kill -9 $worker $echoes 2>/dev/null || true; ip link delete tap0; rm -rf "$work"' EXIT
            dd if=/dev/urandom of="$work/a file" bs=1000 count=3001 status=none; sum=$(sha256sum <"$work/a file"); sum=${sum%% *}
            start_debian --cpus 2 --nic tap=tap0,mac=52:54:00:00:00:0a,id=lan --log info --stop-timeout 120 --disk "$tools" --echo --vsock "$work/vsock" --control "$work/control"
            # Not before: it would hold the console's pipe open, whose end is waited for.
            socat "UNIX-LISTEN:$work/vsock_7,fork" EXEC:cat & echoes=$!
            wait_for 'mark replaced'
            monitor 'kvp get OSName' 'Debian GNU/Linux'; monitor 'kvp list host' 'host:VirtualMachineName = guest'
            monitor 'kvp set Word "two words"' 'Word is set in the pool external'; seen 'mark two words, '
            monitor 'kvp get Word' 'two words'; monitor 'kvp remove Word' 'Word is removed'; monitor 'kvp remove Word' 'error: There is no key'
            seen 'mark written'; monitor 'kvp list guest' 'guest:Colour = red'; monitor 'kvp set auto:OSName x' 'error: '
            monitor ip 'lan: 52:54:00:00:00:0a'; monitor ip 'address  10.9.0.2, subnet 255.255.255.0'
            monitor 'ip set lan dhcp' 'error: Key-Value Pair Exchange: the guest did not set the addresses: '
            monitor 'ip set lan 10.9.0.3/24 gateway 10.9.0.1 dns 10.9.0.5' 'the guest uses them on network adapter lan'
            monitor ip 'address  10.9.0.3, subnet 255.255.255.0'; monitor ip 'gateway  10.9.0.1'; monitor ip 'dns      10.9.0.5'
            monitor 'kvp set next hooked' 'next is set'; seen 'mark hooked'
            monitor 'ip set lan 10.9.0.4/16' 'the guest uses them on network adapter lan'; seen 'mark eth0 10.9.0.4/16'
            monitor "copy \"$work/a file\" /root/new/folder/file" 'error: Guest Service Interface: '
            monitor "copy \"$work/a file\" /root/new/folder/file create" ' copied: '
            monitor "copy \"$work/a file\" /root/new/folder/file" 'there is a file of that name'
            monitor "copy \"$work/a file\" /root/new/folder/file overwrite" ' copied: '
            monitor "copy \"$work/a file\" /root/link/file create" 'error: Guest Service Interface: '
            monitor 'kvp set next begun' 'next is set'
            truncate -s 1G "$work/much"; "$VMBUS" copy --control "$work/control" "$work/much" /root/new/folder/half & copy=$!
            seen 'mark half'; kill -KILL $copy; wait $copy || true
            monitor 'kvp set next copied' 'next is set'; seen "mark 744 3001000 $sum"; seen 'mark elsewhere'
            seen 'mark removed'; kill -TERM $worker; ended
            """,
            Limit);
        string[] expected =
        [
            "mark installed", $"mark beside {(hasDevice ? 1 : 2)}", "mark replaced", $"mark devices {(hasDevice ? 9 : 8)}, 10", "mark channel 1", "mark two words, external:Word = two words", "mark written 1",
            "mark hooked", "mark eth0 10.9.0.4/16 no", "mark half", "mark elsewhere 0, left 1", "mark socket 2", .. hasDevice ? [] : new[] { "mark bench 3" }, "mark wrong", "mark clock 3", "mark removed 0", "status 0", "",
        ];
        Assert.Equal(expected, result.EnsureSuccess().Output.Split('\n').Where(static line => !line.StartsWith("mark 744", StringComparison.Ordinal)));
    }

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task File_systems_are_frozen_and_thawed_by_the_host_by_themselves_and_after_the_daemon_was_killed(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + Disk + $"kernel={kernel}; script='\n" + Install +
            """
            install_tools
            printf "VSS_OPTIONS=--thaw-after 8\n" >/etc/vmbus-guest/vmbus-guest.conf
            printf "#!/bin/sh\necho \"mark hook \$1\" >/dev/console\n" >/etc/vmbus-guest/freeze.d/10-tell; chmod 755 /etc/vmbus-guest/freeze.d/10-tell
            mkdir -p /srv/data; truncate -s 64M /var/data.img; mke2fs -q /var/data.img; mount -o loop /var/data.img /srv/data
            replace_daemons; until [ $(served) -ge 3 ]; do sleep 0.2; done
            (while :; do dd if=/dev/zero of=/root/tick bs=4096 count=1 conv=fsync 2>/dev/null; echo "tick"; sleep 0.3; done) &
            (while :; do dd if=/dev/zero of=/srv/data/tock bs=4096 count=1 conv=fsync 2>/dev/null; echo "tock"; sleep 0.3; done) &
            (while :; do echo "alive"; sleep 0.3; done) &
            touch /run/ready; tell ready
            until grep -q . /var/lib/hyperv/.kvp_pool_0 2>/dev/null; do sleep 0.2; done
            pid=$(systemctl show -p MainPID --value vmbus-guest-vss); tell armed
            until [ -e /run/vmbus-guest/frozen ]; do read -t 0.1 <>/run/none; done
            read -t 2 <>/run/none; kill -9 $pid; until [ -e /run/vmbus-guest/frozen-untold ]; do read -t 0.1 <>/run/none; done
            tell killed; until [ $(served) -ge 3 ]; do sleep 0.2; done; tell again
            journalctl -b --no-pager -o cat -t vmbus-guest | grep -o "vss: froze.*\|vss: the host has not thawed for 8 s" | while read -r line; do tell "$line"; done
            dmesg -r | grep "^<[0-4]>" | grep -vE "CONFIG_IMA_DISABLE_HTABLE|hrtimer: interrupt took|amd_pstate:" | while read -r line; do tell "$line"; done
            tell over; sleep 100000
            '
            script=${script/install_tools$'\n'/$'install_tools\nmkfifo /run/none\n'}
            start_debian --cpus 2 --log info --stop-timeout 120 --disk "$tools"; wait_for 'mark ready'
            # What the guest had printed before it was frozen may still be on its way.
            frozen() { wait_for alive; wait_for alive; printf 'frozen\n' >>"$work/seen"; for i in 1 2 3 4 5 6; do wait_for alive; done; printf 'thawing\n' >>"$work/seen"; }
            goes_on() { for i in 1 2; do wait_for tick; done; for i in 1 2; do wait_for tock; done; }
            writes() { tr -d '\r' <"$work/seen" | sed -n '/^frozen/,/^thawing/p' | grep -cxE 'tick|tock'; }
            goes_on; monitor freeze 'frozen; they are thawed in 60 s'; frozen; echo "writes while frozen $(writes)"
            monitor thaw 'thawed'; goes_on; echo 'goes on'
            monitor freeze 'frozen; they are thawed in 60 s'; frozen; goes_on; echo 'thawed by itself'
            monitor thaw 'error: VSS: the guest did not thaw'
            # The host tries again, and succeeds: the guest has failed it once, to tell it.
            until grep -q 'thawed at last' "$work/errors"; do sleep 0.1; done; monitor 'freeze 2' 'frozen; they are thawed in 2 s'
            until grep -q 'nobody has thawed' "$work/errors"; do sleep 0.1; done; goes_on; echo 'thawed by the host'
            monitor 'kvp set next arm' 'next is set'; seen 'mark armed'
            monitor freeze 'frozen; they are thawed in 60 s'; wait_for 'mark killed'; goes_on; echo 'thawed after the kill'
            monitor thaw 'error: VSS: '; seen 'mark over'
            kill -TERM $worker; ended
            e2fsck -fn "$work/root.img" >/dev/null 2>&1 && echo clean
            """,
            Limit);
        const string Froze = "mark vss: froze /srv/data (ext2), /mnt (ext4), / (ext4)";
        Assert.Equal(
            [
                "writes while frozen 0", "goes on", "thawed by itself", "thawed by the host", "thawed after the kill", "mark installed", "mark ready",
                "mark hook freeze", "mark hook thaw", "mark hook freeze", "mark hook thaw", "mark hook freeze", "mark hook thaw", "mark armed", "mark hook freeze", "mark hook thaw", "mark killed", "mark again",
                Froze, Froze, "mark vss: the host has not thawed for 8 s", Froze, "mark over", "status 0", "clean", "",
            ],
            result.EnsureSuccess().Output.Split('\n'));
    }
}
