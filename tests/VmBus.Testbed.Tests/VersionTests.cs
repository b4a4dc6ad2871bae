using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Every VMBus version that Linux speaks, with unmodified drivers: capped by the host, then by the guest's own module parameter.</summary>
/// <remarks>
/// What counts is what both sides say they agreed on, a file system that is read and written over the channels that come of it, and a kernel log
/// without a warning. Two processors, so that there are a target processor to choose and a sub-channel.
/// </remarks>
[Collection(TestbedCollection.Name)]
public sealed class VersionTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [Theory]
    [InlineData("6.1", "2.4")]
    [FullData("6.12", "3.0")]
    [FullData("6.1", "4.0")]
    [FullData("6.12", "4.1")]
    [FullData("6.1", "5.0")]
    [FullData("6.12", "5.1")]
    [FullData("6.1", "5.2")]
    [FullData("6.12", "5.3")]
    public async Task Guest_uses_its_disk_with_the_version_that_the_host_is_capped_to(string kernel, string version)
    {
        // Moving a channel to another processor needs 4.1; the guest's kernel refuses it below.
        bool moves = string.CompareOrdinal(version, "4.1") >= 0;
        CommandResult result = await RunAsync(
            kernel,
            $"--option --vmbus-version={version}",
            $"""
            use
            for cpu in /sys/bus/vmbus/devices/*/channels/*/cpu; do echo 1 >$cpu && echo "moved $(cat $cpu)"; done 2>/dev/null
            echo 3 >/proc/sys/vm/drop_caches; use
            """);

        result.EnsureSuccess();
        Assert.Equal([version], Agreed(result.Output));
        Assert.Equal([version], Connected(result.Error));
        // Linux proposes the newest version of the storage protocol first, whatever the bus speaks.
        Assert.Contains("speaks version 0602", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, Lines(result.Output, "from the host"));
        // The primary and one sub-channel.
        Assert.Equal(moves ? 2 : 0, Lines(result.Output, "moved 1"));
        Assert.Equal("from the guest", result.Output.TrimEnd().Split('\n')[^1]);
        AssertClean(result);
    }

    /// <summary>The cap on the other side: the guest begins below what the host would take, and nothing is refused.</summary>
    [Fact]
    public async Task Guest_uses_its_disk_with_the_version_that_its_own_driver_is_capped_to()
    {
        CommandResult result = await RunAsync("6.12", "--append hv_vmbus.max_version=0x40001", "use");

        result.EnsureSuccess();
        Assert.Equal(["4.1"], Agreed(result.Output));
        Assert.Equal(["4.1"], Connected(result.Error));
        Assert.Equal(1, Lines(result.Output, "from the host"));
        Assert.Equal("from the guest", result.Output.TrimEnd().Split('\n')[^1]);
        AssertClean(result);
    }

    // Without integration services, whose drivers have versions of their own (Linux warns of the backup service below 3.0).
    // The disk's file system is made by the host, read and written by the guest, and checked by the host. What the guest's kernel says comes raw,
    // with its severity.
    private Task<CommandResult> RunAsync(string kernel, string options, string script) => host.RunGuestAsync(
        $$"""
        set -e
        work=$(mktemp -d "$VMBUS_SCRATCH/version.XXXXXX"); trap 'rm -rf "$work"' EXIT
        mkdir "$work/files"; echo from the host >"$work/files/host"
        truncate -s 32M "$work/disk"; mke2fs -q -t ext4 -d "$work/files" "$work/disk"
        VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --kernel {{kernel}} --cpus 2 --disk "$work/disk" --option --log=info --option --integration=none {{options}} minimal '
            use() {
                for try in $(seq 100); do [ -b /dev/sda ] && break; sleep 0.1; done
                mount -t ext4 /dev/sda /mnt && cat /mnt/host && echo from the guest >/mnt/guest
                umount /mnt
            }
            {{script}}
            dmesg -r'
        e2fsck -fn "$work/disk" >/dev/null
        debugfs -R "cat guest" "$work/disk" 2>/dev/null
        """,
        Limit);

    // "Vmbus version:5.3" in the guest's kernel log; Linux 6.1 and later have the dot.
    private static IEnumerable<string> Agreed(string output) => After(output, "hv_vmbus: Vmbus version:");

    private static IEnumerable<string> Connected(string log) => After(log, "The guest connected with VMBus ").Select(rest => rest.TrimEnd('.'));

    private static IEnumerable<string> After(string text, string mark) =>
        text.Split('\n').Where(line => line.Contains(mark, StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf(mark, StringComparison.Ordinal) + mark.Length)..].Trim());

    private static int Lines(string text, string wanted) => text.Split('\n').Count(line => line == wanted);

    // Nothing of severity warning or above since the VMBus driver was loaded; what the emulated processor causes comes before. No refusals either.
    private static void AssertClean(CommandResult result)
    {
        IEnumerable<string> kernel = result.Output.Split('\n').SkipWhile(line => !line.Contains("hv_vmbus:", StringComparison.Ordinal));
        Assert.DoesNotContain(kernel, line => line.Length > 2 && line[0] == '<' && line[1] is >= '0' and <= '4' && line[2] == '>');
        Assert.DoesNotContain("vmbus: warning", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("vmbus: error", result.Error, StringComparison.Ordinal);
    }
}
