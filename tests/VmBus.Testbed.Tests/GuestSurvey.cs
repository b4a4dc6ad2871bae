using VmBus.TestKit.Testbed;

namespace VmBus.Testbed.Tests;

/// <summary>What a Debian guest tells about itself and its disks in one boot; tests look at its parts.</summary>
/// <param name="Sections">Output of the commands of the script, by their names.</param>
/// <param name="Boot">The run of <c>guest-run</c>.</param>
/// <param name="TrimmedBlocks">512-byte blocks that the image of the trimmed disk holds after the run.</param>
/// <param name="UntrimmedBlocks">The same of the disk that got the same writes and no trim.</param>
public sealed record GuestSurvey(
    IReadOnlyDictionary<string, string> Sections, CommandResult Boot, long TrimmedBlocks, long UntrimmedBlocks)
{
    private const string Mark = "@@@ ";

    // The kernel names disks in the order in which their probing ends, so the root disk is the one that is mounted, and the data disks are told
    // apart by their sizes.
    private const string Script =
        """
        part() { echo; echo "@@@ $1"; shift; "$@" 2>&1; }
        disk() { lsblk -bdnro NAME,SIZE | awk -v size="$1" '$2 == size {print "/dev/" $1}'; }
        fill() {
            mkfs.ext4 -q -E nodiscard "$1"; mount -o nodiscard "$1" /media
            dd if=/dev/urandom of=/media/file bs=1M count=64 conv=fsync status=none; rm /media/file; sync
        }
        root=$(findmnt -no SOURCE /)
        part root findmnt -no SOURCE,FSTYPE /
        part clock cat /sys/devices/system/clocksource/clocksource0/current_clocksource
        part processors nproc
        part devices sh -c 'for d in /sys/bus/vmbus/devices/*; do cat $d/class_id; done'
        part driver sh -c 'readlink /sys/bus/vmbus/devices/*/driver'
        part inquiry sg_inq $root
        part capacity sg_readcap -16 $root
        part limits sg_vpd -p bl $root
        part identification sg_vpd -p di $root
        part provisioning sg_vpd -p lbpv $root
        part reservations sh -c "sg_persist --out --register --param-sark=0x1234 $root; sg_persist --in --read-keys $root; sg_persist --out --register --param-rk=0x1234 --param-sark=0 $root"
        part untrimmed fill "$(disk 202375168)"; umount /media
        part trimmed fill "$(disk 201326592)"; part trim fstrim -v /media; umount /media
        part hyperv sh -c 'dmesg --level emerg,alert,crit,err,warn --notime | grep -E "hv_|storvsc|vmbus|netvsc|hyperv" || true'
        part warnings dmesg --level emerg,alert,crit,err,warn --notime
        part end true
        """;

    /// <summary>Boots Debian, by a login on its console, and asks it everything.</summary>
    /// <param name="host">The testbed.</param>
    /// <param name="monitor"><c>vmbus</c>, or <c>qemu</c> for the reference.</param>
    /// <param name="kernel">6.1 or 6.12.</param>
    /// <param name="cpus">Virtual processors.</param>
    public static async Task<GuestSurvey> RunAsync(GuestFixture host, string monitor, string kernel, int cpus)
    {
        ArgumentNullException.ThrowIfNull(host);
        CommandResult boot = await host.RunGuestAsync(
            $"""
            work=$(mktemp -d "$VMBUS_SCRATCH/survey.XXXXXX"); trap 'rm -rf "$work"' EXIT
            cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"
            truncate -s 201326592 "$work/trimmed"; truncate -s 202375168 "$work/untrimmed"
            read -r -d '' script <<'END_OF_SCRIPT'
            {Script}
            END_OF_SCRIPT
            tests/testbed/guest-run --on {monitor} --kernel {kernel} --cpus {cpus} --append quiet --login --root "$work/root.img" \
                --disk "$work/trimmed" --disk "$work/untrimmed" debian "$script"
            status=$?
            echo; echo "{Mark}blocks"; stat -c %b "$work/trimmed" "$work/untrimmed"
            exit $status
            """,
            TimeSpan.FromMinutes(8));
        Dictionary<string, string> sections = boot.Output.Split("\n" + Mark).Skip(1)
            .Select(part => part.Split('\n', 2))
            .ToDictionary(part => part[0].Trim(), part => part[1].Trim(), StringComparer.Ordinal);
        long[] blocks = sections.TryGetValue("blocks", out string? text) ? [.. text.Split('\n').Select(long.Parse)] : [0, 0];
        return new GuestSurvey(sections, boot, blocks[0], blocks[1]);
    }
}
