using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Quick guests: Debian's kernel with an initial file system of its modules and busybox.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class MinimalGuestTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [Theory]
    [InlineData("6.1", 1)]
    [InlineData("6.12", 4)]
    public async Task Guest_writes_its_disk_and_the_bytes_are_in_the_image(string kernel, int cpus)
    {
        CommandResult result = await host.RunGuestAsync(
            $"""
            set -e
            disk=$(mktemp "$VMBUS_SCRATCH/disk.XXXXXX"); trap 'rm -f "$disk"' EXIT; truncate -s 64M "$disk"
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --kernel {kernel} --cpus {cpus} --disk "$disk" minimal '
                until [ -b /dev/sda ]; do sleep 0.1; done
                dd if=/dev/urandom of=/random bs=1M count=8 2>/dev/null
                dd if=/random of=/dev/sda bs=1M seek=4 conv=fsync 2>/dev/null
                sha256sum </random'
            dd if="$disk" bs=1M skip=4 count=8 status=none | sha256sum
            """,
            Limit);

        string[] sums = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(2, sums.Length);
        Assert.Equal(sums[0], sums[1]);
    }

    [Fact]
    public async Task Exit_status_of_the_guests_script_is_passed_on()
    {
        CommandResult result = await host.RunGuestAsync("VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run minimal 'exit 7'", Limit);
        Assert.Equal(7, result.ExitStatus);
    }

    [Theory]
    [InlineData("--kernel /nowhere/vmlinuz", "/nowhere/vmlinuz", 1)]
    [InlineData("--kernel /etc/passwd", "/etc/passwd", 1)]
    [InlineData("--kernel $MINIMAL/vmlinuz-6.1 --disk /nowhere/disk", "/nowhere/disk", 1)]
    [InlineData("--kernel $MINIMAL/vmlinuz-6.1 --cpus 65", "65", 2)]
    [InlineData("--kernel $MINIMAL/vmlinuz-6.1 --memory lots", "lots", 2)]
    public async Task Bad_value_gets_one_line_that_names_it(string arguments, string value, int status)
    {
        CommandResult result = await host.RunGuestAsync($"$VMBUS run {arguments} </dev/null", Limit);

        Assert.Equal(status, result.ExitStatus);
        Assert.Contains(value, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        if (status == 1)
        {
            Assert.Single(result.Error.Trim().Split('\n'));
        }
    }
}
