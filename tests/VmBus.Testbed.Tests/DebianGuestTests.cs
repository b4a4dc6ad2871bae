using System.Text.RegularExpressions;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Unmodified Debian guests boot from a disk on VMBus, find all well, and their disks say true things about themselves.</summary>
[Collection(TestbedCollection.Name)]
public sealed partial class DebianGuestTests(GuestFixture host)
{
    private const string StorageClass = "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}";

    public static TheoryData<string, int> Guests => FullDataAttribute.IsWanted
        ? new() { { "6.1", 1 }, { "6.1", 2 }, { "6.12", 1 }, { "6.12", 2 } }
        : new() { { "6.12", 2 } };

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Guest_boots_to_a_login_prompt_with_its_root_on_vmbus_and_powers_off(string kernel, int cpus)
    {
        GuestSurvey survey = await host.SurveyAsync("vmbus", kernel, cpus);

        survey.Boot.EnsureSuccess();
        Assert.Matches("^/dev/sd[a-d] +ext4$", survey.Sections["root"]);
        Assert.Contains("hv_storvsc", survey.Sections["driver"], StringComparison.Ordinal);
        Assert.Equal(cpus.ToString(System.Globalization.CultureInfo.InvariantCulture), survey.Sections["processors"]);
        Assert.Contains("end", survey.Sections);
    }

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Guest_lists_the_storage_offer(string kernel, int cpus) =>
        Assert.Contains(StorageClass, (await host.SurveyAsync("vmbus", kernel, cpus)).Sections["devices"].Split('\n'));

    /// <summary>Linux takes this clock source only if the page's sequence is not 0 and the clock is sane.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Guest_reads_time_from_the_reference_tsc_page(string kernel, int cpus) =>
        Assert.Equal("hyperv_clocksource_tsc_page", (await host.SurveyAsync("vmbus", kernel, cpus)).Sections["clock"]);

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Hyperv_drivers_of_the_guest_warn_of_nothing(string kernel, int cpus) =>
        Assert.Equal("", (await host.SurveyAsync("vmbus", kernel, cpus)).Sections["hyperv"]);

    [FullTheory]
    [MemberData(nameof(Guests))]
    public async Task Guest_warns_of_nothing_that_the_reference_monitor_does_not_cause_too(string kernel, int cpus)
    {
        GuestSurvey reference = await host.SurveyAsync("qemu", kernel, cpus);
        GuestSurvey survey = await host.SurveyAsync("vmbus", kernel, cpus);

        Assert.Empty(Warnings(survey).Except(Warnings(reference), StringComparer.Ordinal));
    }

    [Fact]
    public async Task Trim_gives_back_the_blocks_of_the_image()
    {
        GuestSurvey survey = await host.SurveyAsync("vmbus", "6.12", 2);

        Assert.InRange(survey.UntrimmedBlocks, 64 * 2048, 192 * 2048);
        Assert.InRange(survey.TrimmedBlocks, 0, 16 * 2048);
    }

    [Fact]
    public async Task Scsi_tools_read_a_sane_disk()
    {
        IReadOnlyDictionary<string, string> sections = (await host.SurveyAsync("vmbus", "6.12", 2)).Sections;

        Assert.Matches("Vendor identification: Msft", sections["inquiry"]);
        Assert.Matches("Product identification: Virtual Disk", sections["inquiry"]);
        Assert.Matches("Last LBA=6291455 ", sections["capacity"]);
        Assert.Matches("Logical block length=512 bytes", sections["capacity"]);
        Assert.Matches("lbpme=1", sections["capacity"]);
        Assert.Matches("Maximum unmap LBA count: (?!0)", sections["limits"]);
        Assert.Matches(@"Unmap command supported \(LBPU\): 1", sections["provisioning"]);
        Assert.Matches("NAA", sections["identification"]);
    }

    [Fact]
    public async Task Persistent_reservation_key_is_registered_and_listed() =>
        Assert.Matches("0x1234", (await host.SurveyAsync("vmbus", "6.12", 2)).Sections["reservations"]);

    // Numbers differ from machine to machine; what is said does not. A late timer tells of a busy host and nothing else. Of a kernel warning
    // (the emulated processor causes one in 6.12) the heading counts, not the dump of the registers and of the machine's name.
    private static List<string> Warnings(GuestSurvey survey)
    {
        List<string> lines = [];
        bool dump = false;
        foreach (string line in survey.Sections["warnings"].Split('\n'))
        {
            if (line.StartsWith("---[ end trace", StringComparison.Ordinal)) dump = false;
            if (!dump && !line.StartsWith("hrtimer: interrupt took", StringComparison.Ordinal)) lines.Add(Numbers().Replace(line, "N"));
            if (line.StartsWith("WARNING: ", StringComparison.Ordinal)) dump = true;
        }

        return lines;
    }

    [GeneratedRegex("0x[0-9a-f]+|[0-9a-f]{8,}|[0-9]+", RegexOptions.ExplicitCapture)]
    private static partial Regex Numbers();
}
