using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>What every other test of this project rests on: the host has a capable KVM, its clock, modules and disks, and runs commands faithfully.</summary>
[Collection(TestbedCollection.Name)]
public sealed class HostTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // What comes before the kernel takes longer than the kernel, with each exit emulated, and more so while another host has the processors.
    private static readonly TimeSpan FirmwareLimit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Kvm_has_the_synic_and_the_hyperv_eventfd() =>
        (await host.RunAsync("tests/testbed/kvm-capable", Limit)).EnsureSuccess();

    [Fact]
    public async Task Clock_source_is_tsc()
    {
        CommandResult result = await host.RunAsync("cat /sys/devices/system/clocksource/clocksource0/current_clocksource", Limit);
        Assert.Equal("tsc\n", result.Output);
    }

    [Fact]
    public async Task Kernel_modules_load_by_name() =>
        (await host.RunAsync("modprobe tun && grep -qw ^tun /proc/modules", Limit)).EnsureSuccess();

    [Fact]
    public async Task Scratch_folder_gives_back_the_blocks_of_a_punched_hole()
    {
        CommandResult result = await host.RunAsync(
            """
            set -e
            file=$VMBUS_SCRATCH/hole; trap 'rm -f "$file"' EXIT
            dd if=/dev/urandom of="$file" bs=1M count=4 conv=fsync status=none
            stat -c %b "$file"; fallocate --punch-hole --offset 0 --length 4M "$file"; stat -c %b "$file"
            """,
            Limit);
        Assert.Equal("8192\n0\n", result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Commands_run_side_by_side_and_keep_their_own_output_and_status()
    {
        // Each waits for the other's file, so that they end only if both run at once.
        static string Meeting(string own, string other) =>
            $"touch \"$VMBUS_SHARE/{own}\"; until [ -e \"$VMBUS_SHARE/{other}\" ]; do sleep 0.1; done; echo {own}; echo {other} >&2; exit {own.Length}";

        CommandResult[] results = await Task.WhenAll(
            host.RunAsync(Meeting("one", "three"), Limit),
            host.RunAsync(Meeting("three", "one"), Limit));

        Assert.Equal([("one\n", "three\n", 3), ("three\n", "one\n", 5)], results.Select(result => (result.Output, result.Error, result.ExitStatus)));
    }

    [Fact]
    public async Task Command_that_reaches_its_limit_is_ended_with_its_children()
    {
        CommandResult result = await host.RunAsync("sleep 4321 & echo $!; wait", TimeSpan.FromSeconds(1));
        Assert.Equal(124, result.ExitStatus);

        CommandResult child = await host.RunAsync($"kill -0 {result.Output.Trim()}", Limit);
        Assert.NotEqual(0, child.ExitStatus);
    }

    [FullFact]
    public async Task Reference_machine_monitor_boots_the_minimal_guest_under_kvm()
    {
        CommandResult result = await host.RunAsync("tests/testbed/guest-run --on qemu minimal 'uname -r; grep -c ^processor /proc/cpuinfo; exit 3'", FirmwareLimit);
        Assert.Equal(3, result.ExitStatus);
        Assert.Contains("6.1.", result.Output, StringComparison.Ordinal);
    }
}
