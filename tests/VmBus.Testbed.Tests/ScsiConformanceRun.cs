using VmBus.TestKit.Testbed;

namespace VmBus.Testbed.Tests;

/// <summary>One boot of a Debian guest that tries the SCSI commands of a data disk, by sg3-utils and by the test suite of libiscsi.</summary>
/// <param name="host">The testbed.</param>
public sealed class ScsiConformanceRun(GuestFixture host)
{
    private const string Mark = "@@@ ";

    // Tools come before the suite, which leaves its own bytes. Each part ends with a line of its exit status.
    private const string Script =
        """
        disk=/dev/$(lsblk -bdnro NAME,SIZE | awk '$2 == 268435456 {print $1}')
        part() { echo; echo "@@@ $1"; shift; "$@" 2>&1; echo "status $?"; }
        zeroes() { dd if=$disk iflag=direct bs=512 skip=$1 count=$2 status=none | cmp -n $(($2 * 512)) - /dev/zero; }
        part pages sg_vpd $disk
        for page in sn di bl bdc lbpv; do part $page sg_vpd -p $page $disk; done
        part modes sg_modes -a $disk
        part readiness sg_turs $disk
        part capabilities sg_persist -n --in -c $disk
        part register sg_persist -n --out --register --param-sark=0x1234 $disk
        part registered sg_persist -n --in -k $disk
        part reserve sg_persist -n --out --reserve --param-rk=0x1234 --prout-type=5 $disk
        part reserved sg_persist -n --in -r $disk
        part status sg_persist -n --in -s $disk
        part release sg_persist -n --out --release --param-rk=0x1234 --prout-type=5 $disk
        part released sg_persist -n --in -r $disk
        part unregister sg_persist -n --out --register --param-rk=0x1234 --param-sark=0 $disk
        part unregistered sg_persist -n --in -k $disk
        dd if=/dev/urandom of=$disk bs=1M count=1 oflag=direct status=none
        part unmap sg_unmap --force --lba=0 --num=256 $disk
        part unmapped zeroes 0 256
        head -c 512 /dev/urandom >pattern
        part same sg_write_same --lba=256 --num=8 --in=pattern $disk
        part written sh -c "dd if=$disk iflag=direct bs=512 skip=263 count=1 status=none | cmp - pattern"
        part equal sg_verify --lba=256 --count=1 --ndo=512 --ebytchk=1 --in=pattern $disk
        part different sg_verify --lba=0 --count=1 --ndo=512 --ebytchk=1 --in=pattern $disk
        part freed sg_write_same --16 --unmap --lba=256 --num=8 $disk
        part empty zeroes 256 8
        part verify sg_verify --lba=524280 --count=8 $disk
        part beyond sg_verify --lba=524281 --count=8 $disk
        part suite timeout 300 iscsi-test-cu --dataloss --verbose --test ALL "/dev/$(ls "/sys/class/block/${disk#/dev/}/device/scsi_generic")"
        """;

    private readonly Lazy<Task<IReadOnlyDictionary<string, string>>> _sections = new(() => RunAsync(host));

    /// <summary>What each part of the script wrote.</summary>
    public Task<IReadOnlyDictionary<string, string>> Sections => _sections.Value;

    private static async Task<IReadOnlyDictionary<string, string>> RunAsync(GuestFixture host)
    {
        CommandResult boot = await host.RunGuestAsync(
            $"""
            work=$(mktemp -d "$VMBUS_SCRATCH/scsi.XXXXXX"); trap 'rm -rf "$work"' EXIT
            cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"; truncate -s 268435456 "$work/data"
            read -r -d '' script <<'END_OF_SCRIPT'
            {Script}
            END_OF_SCRIPT
            tests/testbed/guest-run --kernel 6.1 --append quiet --console /dev/null --root "$work/root.img" --disk "$work/data" debian "$script"
            """,
            TimeSpan.FromMinutes(9));
        return boot.EnsureSuccess().Output.Split("\n" + Mark).Skip(1)
            .Select(part => part.Split('\n', 2))
            .ToDictionary(part => part[0].Trim(), part => part[1].Trim(), StringComparer.Ordinal);
    }
}
