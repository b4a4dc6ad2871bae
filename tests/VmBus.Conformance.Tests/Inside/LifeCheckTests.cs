using VmBus.Conformance.Inside;
using VmBus.Conformance.Running;
using Xunit;

namespace VmBus.Conformance.Tests.Inside;

/// <summary>What a guest's kernel traced of a channel's life, as Linux writes it, and what is not so at a host that breaks a rule.</summary>
public sealed class LifeCheckTests
{
    private const string Life =
        """
        # tracer: nop
        #
        #           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
         vmbus-guest-412     [001] .....    61.218401: vmbus_establish_gpadl_header: sending child_relid 0xb, gpadl 0xe1e2a, range_buflen 8216 rangecount 1, ret 0
         vmbus-guest-412     [001] .....    61.218455: vmbus_establish_gpadl_body: sending msgnumber 2, gpadl 0xe1e2a, ret 0
         vmbus-guest-412     [001] .....    61.218501: vmbus_establish_gpadl_body: sending msgnumber 3, gpadl 0xe1e2a, ret 0
         kworker/0:1-38      [000] .....    61.220102: vmbus_on_message: msgtype=10
         kworker/0:1-38      [000] .....    61.220110: vmbus_ongpadl_created: child_relid 0xb, gpadl 0xe1e2a, creation_status 0
         vmbus-guest-412     [001] .....    61.220410: vmbus_open: sending child_relid 0xb, openid 11, gpadlhandle 0xe1e2a, target_vp 0x1, offset 0x201, ret 0
         kworker/0:1-38      [000] .....    61.222000: vmbus_onopen_result: child_relid 0xb, openid 11, status 0
         vmbus-guest-412     [001] .....    61.223000: vmbus_close_internal: sending child_relid 0xb, ret 0
         vmbus-guest-412     [001] .....    61.223100: vmbus_teardown_gpadl: sending child_relid 0xb, gpadl 0xe1e2a, ret 0
         kworker/0:1-38      [000] .....    61.224000: vmbus_ongpadl_torndown: gpadl 0xe1e2a
         vmbus-guest-412     [001] .....    61.230410: vmbus_open: sending child_relid 0xb, openid 11, gpadlhandle 0xe1e2a, target_vp 0x1, offset 0x201, ret 0
         kworker/0:1-38      [000] .....    61.232000: vmbus_onopen_result: child_relid 0xb, openid 11, status 0
        """;

    private static readonly Dictionary<string, Func<IReadOnlyList<KernelEvent>, string>> Checks = new(StringComparer.Ordinal)
    {
        ["CH-21"] = LifeChecks.TakesGpadls,
        ["CH-22"] = LifeChecks.TakesLongGpadls,
        ["CH-28"] = LifeChecks.TearsDown,
        ["CH-31"] = LifeChecks.AnswersOpens,
        ["CH-36"] = LifeChecks.OpensAgain,
    };

    public static TheoryData<string> Rules => [.. Checks.Keys];

    [Fact]
    public void Lines_of_the_kernel_are_events_with_their_numbers()
    {
        IReadOnlyList<KernelEvent> life = Parse(Life);
        Assert.Equal(12, life.Count);
        Assert.Equal(("vmbus_establish_gpadl_header", 11L, 0xE1E2AL, 8216L, 1L, 0L), (life[0].Name, life[0]["child_relid"], life[0]["gpadl"], life[0]["range_buflen"], life[0]["rangecount"], life[0]["ret"]));
        Assert.Equal(("vmbus_on_message", 10L), (life[3].Name, life[3]["msgtype"]));
        Assert.Equal((11L, 1L), (life[5]["openid"], life[5]["target_vp"]));
        Assert.Null(life[9]["child_relid"]);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Sound_host_keeps_the_rule(string rule) => Assert.NotEmpty(Checks[rule](Parse(Life)));

    [Theory]
    [InlineData("CH-21", "creation_status 0", "creation_status 5")]
    [InlineData("CH-21", "vmbus_ongpadl_created: child_relid 0xb", "vmbus_ongpadl_created: child_relid 0xc")]
    [InlineData("CH-21", "vmbus_ongpadl_created", "vmbus_nothing")]
    [InlineData("CH-22", "vmbus_ongpadl_created", "vmbus_nothing")]
    [InlineData("CH-28", "vmbus_ongpadl_torndown", "vmbus_nothing")]
    [InlineData("CH-28", "vmbus_ongpadl_torndown: gpadl 0xe1e2a", "vmbus_ongpadl_torndown: gpadl 0xe1e2b")]
    [InlineData("CH-31", "vmbus_onopen_result: child_relid 0xb, openid 11", "vmbus_onopen_result: child_relid 0xb, openid 12")]
    [InlineData("CH-31", "vmbus_close_internal: sending child_relid 0xb, ret 0", "vmbus_onopen_result: child_relid 0xb, openid 11, status 0")]
    [InlineData("CH-36", "status 0", "status 1")]
    [InlineData("CH-36", "vmbus_close_internal: sending", "vmbus_onoffer:")]
    public void Broken_rule_is_found(string rule, string sound, string broken)
        => Assert.Throws<RuleBrokenException>(() => Checks[rule](Parse(Life.Replace(sound, broken, StringComparison.Ordinal))));

    [Fact]
    public void Gpadl_that_is_answered_before_its_last_body_is_found()
    {
        List<string> lines = [.. Life.Split('\n')];
        int answer = lines.FindIndex(static line => line.Contains("vmbus_ongpadl_created", StringComparison.Ordinal));
        (lines[answer], lines[answer - 3]) = (lines[answer - 3], lines[answer]);
        Assert.Throws<RuleBrokenException>(() => LifeChecks.TakesLongGpadls(Parse(string.Join('\n', lines))));
    }

    [Fact]
    public void What_other_drivers_do_meanwhile_is_no_part_of_it()
    {
        const string Others =
            """
             modprobe-398     [000] .....    61.218400: vmbus_establish_gpadl_body: sending msgnumber 2, gpadl 0xe1e12, ret 0
             modprobe-398     [000] .....    61.219400: vmbus_open: sending child_relid 0xc, openid 12, gpadlhandle 0xe1e12, target_vp 0x0, offset 0x4, ret 0
             kworker/0:1-38      [000] .....    61.219500: vmbus_ongpadl_torndown: gpadl 0xe1e12
            """;
        Assert.Equal(Parse(Life).Select(Text), KernelTrace.OfChannel(Parse($"{Others}\n{Life}"), 11).Select(Text));

        static string Text(KernelEvent happened) => $"{happened.Name} {string.Join(' ', happened.Fields)}";
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Nothing_that_was_traced_shows_nothing(string rule) => Assert.Throws<NotCoveredException>(() => Checks[rule]([]));

    private static IReadOnlyList<KernelEvent> Parse(string lines) => [.. lines.Split('\n').Select(KernelEvent.Parse).OfType<KernelEvent>()];
}
