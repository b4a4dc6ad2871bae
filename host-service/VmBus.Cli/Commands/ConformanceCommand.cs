using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Cli.Conformance;
using VmBus.Cli.Options;
using VmBus.Client.Transports;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus conformance</c>: holds a host against the rules of the protocol pages.</summary>
internal static class ConformanceCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<string[]> rules = new("--rule")
        {
            Description = "Only this rule (CH-10), or all whose ids begin so (CH); may be given several times",
            HelpName = "ID",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> socket = new("--socket") { Description = "Check the host that serves a partition at this Unix socket of type seqpacket (protocol-spec/channel.md, 'Another process'), in place of this program's own", HelpName = "PATH" };
        Option<string?> name = new("--name") { Description = "What the report calls the host", HelpName = "NAME" };
        Option<string?> json = new("--json") { Description = "Write the report to this file as JSON", HelpName = "FILE" };
        Option<string?> junit = new("--junit") { Description = "Write the report to this file as JUnit XML", HelpName = "FILE" };
        Option<bool> brief = new("--brief") { Description = "Leave out the lines of rules that are kept" };
        Option<bool> list = new("--list") { Description = "List the rules and check nothing" };
        Option<int> patience = new("--patience") { Description = "How long an answer is waited for, in seconds", HelpName = "SECONDS", DefaultValueFactory = static _ => 10 };
        var command = new Command(
            "conformance",
            "Holds a host against the rules of the protocol pages, as its guest: this program's own host, or one at a socket. Prints one line for each rule (pass, FAIL, or not covered) with what was seen, and a table. Exit status 0 when no rule is broken, 1 when one is.")
        {
            rules, socket, name, json, junit, brief, list, patience,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            Func<string, bool> takes = Filter(parsed.GetValue(rules) ?? []);
            if (parsed.GetValue(list)) return List(takes);
            int seconds = parsed.GetValue(patience);
            if (seconds is < 1 or > 3600) throw new UsageException($"--patience takes 1 to 3600 seconds, not {seconds}.");
            ConformanceReport report = Run(parsed.GetValue(socket), parsed.GetValue(name), TimeSpan.FromSeconds(seconds), takes);
            ReportWriter.WriteText(report, Console.Out, !parsed.GetValue(brief));
            Write(parsed.GetValue(json), report, ReportWriter.WriteJson);
            Write(parsed.GetValue(junit), report, ReportWriter.WriteJunit);
            return report.IsGreen ? ExitStatus.Success : ExitStatus.Failure;
        }));
        return command;
    }

    private static Func<string, bool> Filter(string[] wanted)
    {
        foreach (string text in wanted)
        {
            if (!RuleBook.All.Any(rule => Takes(text, rule.Id))) throw new UsageException($"There is no rule '{text}': 'vmbus conformance --list' shows all.");
        }

        return id => wanted.Length == 0 || Array.Exists(wanted, text => Takes(text, id));
    }

    private static bool Takes(string text, string id) => text.Contains('-', StringComparison.Ordinal)
        ? string.Equals(text, id, StringComparison.OrdinalIgnoreCase)
        : id.StartsWith(text + "-", StringComparison.OrdinalIgnoreCase);

    private static int List(Func<string, bool> takes)
    {
        foreach (ConformanceRule rule in RuleBook.All.Where(rule => takes(rule.Id)))
            Console.Out.WriteLine($"{rule.Id,-6} {rule.Page,-18} {(rule.Of == RuleParty.Host ? "host" : "guest"),-5} {rule.Text}");
        return ExitStatus.Success;
    }

    private static ConformanceReport Run(string? socket, string? name, TimeSpan patience, Func<string, bool> takes)
    {
        if (socket is not null)
        {
            using SocketTransport transport = SocketHost.Connect(socket);
            return new ConformanceRun(transport, name ?? socket) { Patience = patience }.Run(takes);
        }

        // What a guest under test does wrong is the point here, and not news.
        using OwnHost host = OwnHost.Start(ProtocolVersion.V6_0, NullLogger.Instance);
        return new ConformanceRun(host.Transport, name ?? "vmbus") { Patience = patience }.Run(takes);
    }

    private static void Write(string? path, ConformanceReport report, Action<ConformanceReport, Stream> write)
    {
        if (path is null) return;
        using FileStream file = File.Create(path);
        write(report, file);
    }
}
