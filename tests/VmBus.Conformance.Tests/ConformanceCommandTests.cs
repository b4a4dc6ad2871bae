using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Cli;
using VmBus.Cli.Conformance;
using VmBus.Cli.Options;
using VmBus.Client.Transports;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Running;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Conformance.Tests;

/// <summary><c>vmbus conformance</c> and the host at a socket that it checks.</summary>
public sealed class ConformanceCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmbus-conformance-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Command_checks_the_rules_that_are_named_and_writes_both_reports()
    {
        string json = Path.Combine(_folder.FullName, "r.json"), junit = Path.Combine(_folder.FullName, "r.xml");
        Assert.Equal(0, Program.CreateRoot().Parse(["conformance", "--rule", "CH-10", "DM", "--json", json, "--junit", junit]).Invoke());
        using var report = JsonDocument.Parse(File.ReadAllText(json));
        string[] rules = [.. report.RootElement.GetProperty("results").EnumerateArray().Select(static result => result.GetProperty("rule").GetString()!)];
        Assert.Contains("CH-10", rules);
        Assert.Contains("DM-1", rules);
        Assert.DoesNotContain("CH-1", rules);
        Assert.Contains("<testsuites", File.ReadAllText(junit), StringComparison.Ordinal);
    }

    [Fact]
    public void Command_joins_reports_and_a_broken_rule_of_theirs_is_a_failure()
    {
        string pass = Path.Combine(_folder.FullName, "pass.json"), fail = Path.Combine(_folder.FullName, "fail.json"), joined = Path.Combine(_folder.FullName, "joined.json");
        File.WriteAllText(pass, "{\"host\":\"hostile guest\",\"results\":[{\"rule\":\"SY-10\",\"verdict\":\"pass\",\"evidence\":\"seen\"}]}");
        File.WriteAllText(fail, "{\"guest\":\"a guest\",\"results\":[{\"rule\":\"CH-10\",\"verdict\":\"FAIL\",\"evidence\":\"not seen\"}]}");
        Assert.Equal(0, Program.CreateRoot().Parse(["conformance", "--rule", "CH-10", "SY-10", "--with", pass, "--json", joined]).Invoke());
        using (FileStream file = File.OpenRead(joined)) Assert.Equal(2, ReportReader.ReadJson(file).Count(RuleVerdict.Pass));
        Assert.Equal(1, Program.CreateRoot().Parse(["conformance", "--rule", "CH-10", "SY-10", "--with", pass, fail, "--table"]).Invoke());
    }

    [Theory]
    [InlineData("--control", "/nowhere")]
    [InlineData("--with", "/dev/null")]
    [InlineData("--rule", "XY-1")]
    [InlineData("--patience", "0")]
    [InlineData("--socket", "/nowhere/socket")]
    public void Bad_words_are_refused(string option, string value) => Assert.Equal(2, Program.CreateRoot().Parse(["conformance", option, value]).Invoke());

    [Fact]
    public async Task Host_in_another_process_is_checked_at_its_socket()
    {
        string path = Path.Combine(_folder.FullName, "host");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using GuestMemory memory = GuestMemory.Create(64 << 20);
        using Lane lane = Lane.Start("lane-0", NullLogger.Instance);
        Task<SocketBusHost> accepts = Task.Run(() => new SocketBusHost(SocketHost.TakeOver(listener.Accept()), memory));
        using SocketTransport transport = SocketHost.Connect(path);
        using SocketBusHost host = await accepts;
        using var server = VmBusServer.Start(new BusPorts(host, host, host, memory), [lane], ProtocolVersion.V5_3.Value, NullLogger.Instance);
        host.Serve(server);
        server.Offer(new EchoDevice());

        ConformanceReport report = new ConformanceRun(transport, path).Run(static id => id is "CH-10" or "CH-12" or "CH-21" or "CH-31" or "CH-43" or "CH-44" or "SY-2" or "ST-1");
        Assert.Empty(report.Results.Where(static result => result.Verdict == RuleVerdict.Fail).Select(static result => $"{result.Rule.Id}: {result.Evidence}"));
        // A socket does not tell what became of a message, and there is no disk.
        Assert.Equal(["ST-1", "SY-2"], report.Results.Where(static result => result.Verdict == RuleVerdict.NotCovered).Select(static result => result.Rule.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Socket_of_something_else_is_refused()
    {
        string path = Path.Combine(_folder.FullName, "other");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Task answers = Task.Run(() =>
        {
            using Socket socket = listener.Accept();
            _ = socket.Send([1, 2, 3]);
        });
        UsageException refusal = Assert.Throws<UsageException>(() => SocketHost.Connect(path));
        Assert.Contains("does not begin with its memory", refusal.Message, StringComparison.Ordinal);
        await answers;
    }
}
