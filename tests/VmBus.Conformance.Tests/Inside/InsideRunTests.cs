using VmBus.Client.Sysfs;
using VmBus.Conformance.Inside;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using Xunit;

namespace VmBus.Conformance.Tests.Inside;

/// <summary>A run over a tree that looks like that of a guest whose kernel has no device for programs. Driving one needs a guest: <c>InsideConformanceTests</c>.</summary>
public sealed class InsideRunTests : IDisposable
{
    private const string Log =
        "6,301,810000,-;hv_vmbus: Vmbus version:5.3\n6,401,910000,-;hv_balloon: Using Dynamic Memory protocol version 2.0\n SUBSYSTEM=vmbus\n"
        + "6,402,910000,-;hv_utils: Heartbeat IC version 3.0\n6,403,910000,-;hv_utils: Shutdown IC version 3.2\n6,404,910000,-;hv_utils: Heartbeat IC version 3.0\n";

    private static readonly Dictionary<uint, CpuidRegisters> Sound = new()
    {
        [0x4000_0000] = new(0x4000_000B, 0x7263_694D, 0x666F_736F, 0x7648_2074),
        [0x4000_0001] = new(0x3123_7648, 0, 0, 0),
        [0x4000_0003] = new(0x0000_0E7F, 0x0000_0030, 0, 0),
    };

    private readonly string _root = Directory.CreateTempSubdirectory("vmbus-inside").FullName;

    public InsideRunTests()
    {
        Directory.CreateDirectory(Path.Combine(_root, "dev"));
        File.WriteAllText(Path.Combine(_root, "dev/kmsg"), Log);
        Add(3, "57164f39-9115-4e78-ab55-382f3bd5422d");
        Add(2047, "f8615163-df3e-46c5-913f-f2d2f965ed0e");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Every_rule_of_a_host_is_in_the_report_and_what_is_not_covered_has_a_reason()
    {
        ConformanceReport report = Run();
        Assert.Equal(RuleBook.All.Where(static rule => rule.Of == RuleParty.Host).Select(static rule => rule.Id), report.Results.Select(static result => result.Rule.Id));
        Assert.All(report.Results, static result => Assert.False(result.Evidence.Length == 0 || result.Evidence.Contains('\n', StringComparison.Ordinal), result.Rule.Id));
        Assert.True(report.IsGreen);
        Assert.Equal(["CH-1", "CH-14", "DM-2", "IC-2", "SY-15"], report.Results.Where(static result => result.Verdict == RuleVerdict.Pass).Select(static result => result.Rule.Id).Order(StringComparer.Ordinal));
        Assert.Equal("the kernel's drivers have agreed on Heartbeat 3.0, Shutdown 3.2", Evidence(report, "IC-2"));
        Assert.Equal("the kernel was answered, down to 5.3", Evidence(report, "CH-1"));
        Assert.StartsWith("The host offers no echo device", Evidence(report, "RG-1"), StringComparison.Ordinal);
        Assert.Contains("--break", Evidence(report, "RG-13"), StringComparison.Ordinal);
    }

    [Fact]
    public void Checks_are_of_rules_that_there_are_and_none_has_two()
    {
        HashSet<string> hosts = [.. RuleBook.All.Where(static rule => rule.Of == RuleParty.Host).Select(static rule => rule.Id)];
        Assert.Empty(InsideCheckList.ById.Keys.Except(hosts));
        Assert.DoesNotContain(InsideCheckList.ById.Keys, InsideCheckList.IsLast);
        Assert.All(RuleBook.All, static rule => Assert.NotEmpty(InsideCheckList.WhyNotChecked(rule)));
    }

    [Theory]
    [InlineData(0x4000_0000u, 1, 0u)]
    [InlineData(0x4000_0000u, 0, 0x4000_0004u)]
    [InlineData(0x4000_0001u, 0, 0x3223_7648u)]
    [InlineData(0x4000_0003u, 0, 0x0000_0E7Bu)]
    [InlineData(0x4000_0003u, 0, 0x0000_0E5Fu)]
    [InlineData(0x4000_0003u, 0, 0x0000_0E3Fu)]
    [InlineData(0x4000_0003u, 1, 0x0000_0010u)]
    [InlineData(0x4000_0003u, 1, 0x0000_0020u)]
    public void Hypervisor_that_does_not_say_what_it_has_is_found(uint leaf, int register, uint value)
    {
        CpuidRegisters changed = register == 0 ? Sound[leaf] with { Eax = value } : Sound[leaf] with { Ebx = value };
        Assert.Equal(RuleVerdict.Fail, Verdict(Run(new(Sound) { [leaf] = changed }), "SY-15"));
    }

    [Theory]
    [InlineData("Vmbus version:5.3", "Vmbus version:9.1", "CH-1")]
    [InlineData("protocol version 2.0", "protocol version 7.0", "DM-2")]
    public void Version_that_there_is_not_is_found_in_the_log(string sound, string broken, string rule)
    {
        File.WriteAllText(Path.Combine(_root, "dev/kmsg"), Log.Replace(sound, broken, StringComparison.Ordinal));
        Assert.Equal(RuleVerdict.Fail, Verdict(Run(), rule));
    }

    [Fact]
    public void Channel_beyond_the_flags_is_found()
    {
        Add(2048, "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f");
        Assert.Equal(RuleVerdict.Fail, Verdict(Run(), "CH-14"));
    }

    [Fact]
    public void Log_that_has_lost_the_lines_shows_nothing()
    {
        File.Delete(Path.Combine(_root, "dev/kmsg"));
        ConformanceReport report = Run();
        Assert.All(new[] { "CH-1", "DM-2", "IC-2", "CH-39" }, rule => Assert.Equal(RuleVerdict.NotCovered, Verdict(report, rule)));
    }

    [Fact]
    public void Device_that_the_kernel_does_not_give_is_told_with_the_kernels_reason()
    {
        VmbusDevice device = new VmbusTree(_root).Read()[0];
        Directory.CreateDirectory(Path.Combine(_root, "sys/bus/vmbus/drivers/uio_hv_generic"));
        Directory.CreateDirectory(Path.Combine(_root, "sys/kernel/tracing/events/hyperv"));
        Directory.CreateDirectory(Path.Combine(_root, $"sys/kernel/tracing/instances/vmbus-conformance-{Environment.ProcessId}/events/hyperv"));
        ConformanceReport report = new InsideRun("host") { Root = _root, Device = device }.Run(static id => id is "CH-21" or "RG-1", new HypervisorLeaves(Read(Sound)));
        Assert.StartsWith("The kernel refuses reserving device", Evidence(report, "CH-21"), StringComparison.Ordinal);
        Assert.StartsWith("It takes a device that answers what it is asked", Evidence(report, "RG-1"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new string[0], "CH-10", true)]
    [InlineData(new[] { "ch-10" }, "CH-10", true)]
    [InlineData(new[] { "CH-10" }, "CH-1", false)]
    [InlineData(new[] { "CH", "RG-1" }, "CH-1", true)]
    [InlineData(new[] { "CH", "RG-1" }, "RG-10", false)]
    public void Words_choose_rules_by_id_or_by_letters(string[] words, string id, bool isTaken) => Assert.Equal(isTaken, RuleFilter.TryParse(words, out _)!.Takes(id));

    [Theory]
    [InlineData("XY")]
    [InlineData("CH-999")]
    [InlineData("")]
    public void Word_that_no_rule_has_is_named(string word)
    {
        Assert.Null(RuleFilter.TryParse(["CH", word], out string unknown));
        Assert.Equal(word, unknown);
    }

    private static Func<uint, CpuidRegisters> Read(Dictionary<uint, CpuidRegisters> leaves) => leaf => leaves.GetValueOrDefault(leaf);

    private static RuleVerdict Verdict(ConformanceReport report, string rule) => Assert.Single(report.Results, result => result.Rule.Id == rule).Verdict;

    private static string Evidence(ConformanceReport report, string rule) => Assert.Single(report.Results, result => result.Rule.Id == rule).Evidence;

    private ConformanceReport Run(Dictionary<uint, CpuidRegisters>? leaves = null) => new InsideRun("host") { Root = _root }.Run(null, new HypervisorLeaves(Read(leaves ?? Sound)));

    private void Add(uint id, string kind)
    {
        string instance = new Guid((int)id, 2, 3, new byte[8]).ToString();
        string folder = Path.Combine(_root, "sys/bus/vmbus/devices", instance);
        Directory.CreateDirectory(Path.Combine(folder, "channels", $"{id}"));
        foreach ((string name, string text) in new[] { ("class_id", $"{{{kind}}}"), ("device_id", $"{{{instance}}}"), ("id", $"{id}"), ("state", "3") })
            File.WriteAllText(Path.Combine(folder, name), text + "\n");
    }
}
