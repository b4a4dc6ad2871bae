using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Control.Verbs;
using VmBus.Management.Messages;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using VmBus.TestKit.Host;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>The monitor's commands for the guest itself: what reaches it, how answers read, and that nothing a guest wrote acts on a terminal.</summary>
public sealed class IntegrationExecutorTests
{
    private readonly RecordingGuest _guest = new();

    [Theory]
    [InlineData("shutdown", "PowerOff", "the guest powers off\n")]
    [InlineData("shutdown force", "PowerOff force", "the guest powers off\n")]
    [InlineData("reboot", "Reboot", "the guest starts again\n")]
    [InlineData("reboot force", "Reboot force", "the guest starts again\n")]
    [InlineData("hibernate", "Hibernate", "the guest hibernates\n")]
    [InlineData("time sync", "time", "the guest has set its clock\n")]
    [InlineData("kvp set Key value", "set External Key 'value'", "Key is set in the pool external\n")]
    [InlineData("kvp set host:Key \"two  words\"", "set AutoExternal Key 'two  words'", "Key is set in the pool host\n")]
    [InlineData("kvp set a:b \"\"", "set External a:b ''", "a:b is set in the pool external\n")]
    [InlineData("kvp set Key \"say \"\"so\"\"\"", "set External Key 'say \"so\"'", "Key is set in the pool external\n")]
    [InlineData("kvp remove guest:Key", "remove Guest Key", "Key is removed from the pool guest\n")]
    [InlineData("ip set lan dhcp", "ip lan IPv4 True    ", "the guest uses them on network adapter lan\n")]
    [InlineData("ip set lan 10.0.0.2/8 gateway 10.0.0.1 dns 10.0.0.3 dns 10.0.0.4", "ip lan IPv4 False 10.0.0.2 255.0.0.0 10.0.0.1 10.0.0.3,10.0.0.4", "the guest uses them on network adapter lan\n")]
    [InlineData("ip set lan fd00::2/64", "ip lan IPv6 False fd00::2 64  ", "the guest uses them on network adapter lan\n")]
    [InlineData("freeze", "freeze 60", "the guest's file systems are frozen; they are thawed in 60 s at the latest\n")]
    [InlineData("freeze 900", "freeze 900", "the guest's file systems are frozen; they are thawed in 900 s at the latest\n")]
    [InlineData("thaw", "thaw", "the guest's file systems are thawed\n")]
    public void Command_reaches_the_guest(string line, string asked, string answer)
    {
        Assert.Equal(answer, Execute(line));
        Assert.Equal([asked], _guest.Asked);
    }

    [Theory]
    [InlineData("copy /a /b/", "copy /a to /b/ None")]
    [InlineData("copy \"/a b\" \"/c d\" overwrite create", "copy /a b to /c d Overwrite, CreatePath")]
    public void File_is_copied(string line, string asked)
    {
        Assert.Contains(" copied: 2K in ", Execute(line), StringComparison.Ordinal);
        Assert.Equal([asked], _guest.Asked);
    }

    [Theory]
    [InlineData("shutdown now", "now")]
    [InlineData("hibernate now", "now")]
    [InlineData("heartbeat now", "now")]
    [InlineData("time", "time sync")]
    [InlineData("kvp", "list, get, set or remove")]
    [InlineData("kvp list pool", "'pool' is no pool")]
    [InlineData("kvp get", "KEY")]
    [InlineData("kvp set a", "VALUE")]
    [InlineData("kvp set a b c", "quotes")]
    [InlineData("kvp remove", "KEY")]
    [InlineData("kvp set \"a b", "quote")]
    [InlineData("ip lan", "ip set ID")]
    [InlineData("ip set lan", "ip set ID")]
    [InlineData("ip set lan 10.0.0.2", "10.0.0.2/24")]
    [InlineData("ip set lan 10.0.0.2/33", "10.0.0.2/24")]
    [InlineData("ip set lan 10.0.0.2/0", "10.0.0.2/24")]
    [InlineData("ip set lan 10.0.0.2/8 route 10.0.0.1", "'route'")]
    [InlineData("ip set lan 10.0.0.2/8 gateway", "10.0.0.2/24")]
    [InlineData("ip set lan 10.0.0.2/8 dns x", "'x' is no address")]
    [InlineData("freeze 0", "1 to 900")]
    [InlineData("freeze 901", "1 to 900")]
    [InlineData("freeze a b", "[SECONDS]")]
    [InlineData("copy /a", "GUESTPATH")]
    [InlineData("copy /a b /c", "'/c'")]
    public void Mistake_names_what_is_wrong(string line, string named)
    {
        UsageException mistake = Assert.Throws<UsageException>(() => Execute(line));
        Assert.Contains(named, mistake.Message, StringComparison.Ordinal);
        Assert.Empty(_guest.Asked);
    }

    [Fact]
    public void Refusal_of_the_guest_is_passed_on_with_the_services_name()
    {
        _guest.Refusal = new IntegrationException(IntegrationServices.Backup, IntegrationProblem.Refused, "the guest did not.");
        Assert.Equal("VSS: the guest did not.", Assert.Throws<ControlException>(() => Execute("freeze")).Message);
    }

    [Fact]
    public void Services_are_listed_as_a_table()
        => Assert.Equal(
            "SERVICE                  VERSION  STATE\n"
            + "Heartbeat                3.0      ready\n"
            + "Key-Value Pair Exchange  -        waiting for the guest\n"
            + "VSS                      -        no common version\n"
            + "Guest Service Interface  -        no driver in the guest\n",
            Execute("services"));

    [Theory]
    [InlineData(HeartbeatState.NoContact, ApplicationState.Unknown, "no contact; 5 beats answered, the last 1.5 s ago, 2 missed\n")]
    [InlineData(HeartbeatState.Ok, ApplicationState.Critical, "OK, applications critical; 5 beats answered, the last 1.5 s ago, 2 missed\n")]
    [InlineData(HeartbeatState.Ok, (ApplicationState)99, "OK, applications unknown; 5 beats answered, the last 1.5 s ago, 2 missed\n")]
    [InlineData(HeartbeatState.LostCommunication, ApplicationState.Healthy, "lost communication; 5 beats answered, the last 1.5 s ago, 2 missed\n")]
    public void Heartbeat_is_one_line(HeartbeatState state, ApplicationState applications, string line)
    {
        _guest.Heartbeat = new HeartbeatInfo(state, applications, 5, 2, TimeSpan.FromSeconds(1.5));
        Assert.Equal(line, Execute("heartbeat"));
    }

    [Fact]
    public void Items_are_listed_with_their_pools()
    {
        Assert.Equal("no items\n", Execute("kvp list"));
        _guest.Items.Add((KvpPool.Auto, new("OSName", "Debian")));
        _guest.Items.Add((KvpPool.External, new("a", "b")));
        Assert.Equal("external:a = b\nauto:OSName = Debian\n", Execute("kvp list"));
        Assert.Equal("auto:OSName = Debian\n", Execute("kvp list auto"));
        Assert.Equal("Debian\n", Execute("kvp get OSName"));
        Assert.Equal("Debian\n", Execute("kvp get auto:OSName"));
        Assert.ThrowsAny<IOException>(() => Execute("kvp get external:OSName"));
        Assert.ThrowsAny<IOException>(() => Execute("kvp get Nothing"));
        Assert.ThrowsAny<IOException>(() => Execute("kvp remove Nothing"));
    }

    [Fact]
    public void Text_of_the_guest_does_not_act_on_the_terminal()
    {
        _guest.Items.Add((KvpPool.Guest, new("evil\e[31m", "a\nerror: b\r\u009b\u202e\\ü\ud800")));
        Assert.Equal("guest:evil\\u{1b}[31m = a\\u{a}error: b\\u{d}\\u{9b}\\u{202e}\\\\ü\ufffd\n", Execute("kvp list guest"));
        _guest.Addresses.Add(RecordingGuest.On(KvpAddresses.Of("") with { Addresses = ["\e]0;x\a"], Subnets = ["\n"] }));
        Assert.Equal("lan: 02:00:00:00:00:01\n  address  \\u{1b}]0;x\\u{7}, subnet \\u{a}\n", Execute("ip"));
    }

    [Fact]
    public void Addresses_are_listed_by_adapter()
    {
        Assert.Equal("no network adapters\n", Execute("ip"));
        _guest.Addresses.Add(RecordingGuest.On(null));
        _guest.Addresses.Add(RecordingGuest.On(
            new KvpAddresses("", KvpAddressFamilies.IPv4, true, ["10.0.0.2", "fd00::2"], ["255.0.0.0"], ["10.0.0.1"], ["10.0.0.3"])));
        Assert.Equal(
            "lan: 02:00:00:00:00:01, not used by the guest\n"
            + "lan: 02:00:00:00:00:01, dhcp\n  address  10.0.0.2, subnet 255.0.0.0\n  address  fd00::2\n  gateway  10.0.0.1\n  dns      10.0.0.3\n",
            Execute("ip"));
    }

    [Fact]
    public void Help_names_every_command()
    {
        foreach (string command in new[] { "services", "shutdown", "reboot", "hibernate", "heartbeat", "time sync", "kvp list", "kvp get", "kvp set", "kvp remove", "ip", "ip set", "freeze", "thaw", "copy" })
            Assert.Contains($"\n{command} ", MonitorCommand.Help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_shows_how_far_it_is_on_a_terminal_and_takes_the_line_away_at_its_end()
    {
        var copying = new TaskCompletionSource();
        _guest.CopyTime = copying.Task;
        _guest.CopyProgress = (3 << 20, 12 << 20);
        var terminal = new StringWriter(System.Globalization.CultureInfo.InvariantCulture);
        Task<Answer> answer = new IntegrationExecutor(new VerbTable(new GuestVerbs(_guest)), terminal)
            .ExecuteAsync(Assert.IsAssignableFrom<IntegrationCommand>(MonitorCommand.Parse("copy /app.tar /srv/")), CancellationToken.None);
        while (!terminal.ToString().Contains("25 %  3M of 12M", StringComparison.Ordinal)) await Task.Delay(10);
        copying.SetResult();
        Assert.StartsWith("/app.tar copied: 2K", (await answer).Text, StringComparison.Ordinal);
        Assert.EndsWith("\r\u001b[K", terminal.ToString(), StringComparison.Ordinal);
    }

    private string Execute(string line)
        => new IntegrationExecutor(new VerbTable(new GuestVerbs(_guest)))
            .ExecuteAsync(Assert.IsAssignableFrom<IntegrationCommand>(MonitorCommand.Parse(line)), CancellationToken.None).GetAwaiter().GetResult().Text;
}
