using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Cli.Conformance;
using VmBus.Cli.Options;
using VmBus.Client.Transports;
using VmBus.Conformance.Guests;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus conformance</c>: holds a host, or a guest, against the rules of the protocol pages.</summary>
internal static class ConformanceCommand
{
    private const int HostPatience = 10;
    private const int GuestPatience = 300;

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
        Option<string?> name = new("--name") { Description = "What the report calls the host or the guest", HelpName = "NAME" };
        Option<string?> json = new("--json") { Description = "Write the report to this file as JSON", HelpName = "FILE" };
        Option<string?> junit = new("--junit") { Description = "Write the report to this file as JUnit XML", HelpName = "FILE" };
        Option<string[]> reports = new("--with") { Description = "Add what this report has seen, which '--json' or tests/testbed/hostile-run has written: rules that this run does not cover, and those that are broken there; may be given several times", HelpName = "FILE", AllowMultipleArgumentsPerToken = true };
        Option<bool> table = new("--table") { Description = "Print nothing but the table, as Markdown" };
        Option<bool> brief = new("--brief") { Description = "Leave out the lines of rules that are kept" };
        Option<bool> list = new("--list") { Description = "List the rules and check nothing" };
        Option<int?> patience = new("--patience") { Description = "How long an answer of a host is waited for, in seconds (10), or a step of a guest (300)", HelpName = "SECONDS" };
        Option<bool> guest = new("--guest") { Description = "Hold the guest of a running partition against the guest's rules: it is traced and given things to do. It sets its clock, gives a quarter of its memory back and gets it again, and takes a connection where it runs the exec service" };
        Option<bool> reboot = new("--reboot") { Description = "With --guest: have the guest start again, at which most rules are seen" };
        Option<string?> nic = new("--nic") { Description = "With --guest: add a network adapter, as 'vmbus nic add' takes it, and remove it when the guest's driver has it", HelpName = "OPTIONS" };
        Option<string?> trace = new("--trace") { Description = "With --guest: do nothing with a partition, but look at this trace, which 'vmbus trace --packets' has made", HelpName = "FILE" };
        var command = new Command(
            "conformance",
            "Holds a host against the rules of the protocol pages, as its guest: this program's own host, or one at a socket. Or, with --guest, a guest; 'vmbus-guest conformance' does it from inside a guest, of whatever host. Prints one line for each rule (pass, FAIL, or not covered) with what was seen, and a table. Exit status 0 when no rule is broken, 1 when one is.")
        {
            rules, socket, name, json, junit, reports, table, brief, list, patience, guest, reboot, nic, trace,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command, isOptional: true);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            RuleFilter filter = RuleFilter.TryParse(parsed.GetValue(rules) ?? [], out string unknown)
                ?? throw new UsageException($"There is no rule '{unknown}': 'vmbus conformance --list' shows all.");
            if (parsed.GetValue(list)) return List(filter.Takes);
            bool isGuest = parsed.GetValue(guest);
            int seconds = parsed.GetValue(patience) ?? (isGuest ? GuestPatience : HostPatience);
            if (seconds is < 1 or > 3600) throw new UsageException($"--patience takes 1 to 3600 seconds, not {seconds}.");
            var script = new GuestScript(parsed.GetValue(reboot), parsed.GetValue(nic), TimeSpan.FromSeconds(seconds));
            Refuse(isGuest, target(parsed), script, parsed.GetValue(trace), parsed.GetValue(socket));
            ConformanceReport[] others = [.. (parsed.GetValue(reports) ?? []).Select(Read)];
            ConformanceReport report = isGuest
                ? RunGuest(script, target(parsed), parsed.GetValue(trace), parsed.GetValue(name), filter.IsOpen ? null : filter.Takes)
                : Run(parsed.GetValue(socket), parsed.GetValue(name), script.Patience, filter.Takes);
            report = others.Aggregate(report, static (whole, other) => whole.With(other));
            if (parsed.GetValue(table)) ReportWriter.WriteMarkdown(report, Console.Out);
            else ReportWriter.WriteText(report, Console.Out, !parsed.GetValue(brief));
            Write(parsed.GetValue(json), report, ReportWriter.WriteJson);
            Write(parsed.GetValue(junit), report, ReportWriter.WriteJunit);
            return report.IsGreen ? ExitStatus.Success : ExitStatus.Failure;
        }));
        return command;
    }

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
        return new ConformanceRun(host.Transport, name ?? "vmbus") { Patience = patience, Operator = host }.Run(takes);
    }

    // Words of one of the two, given with the other, mean something that is not done.
    private static void Refuse(bool isGuest, PartitionTarget target, GuestScript script, string? trace, string? socket)
    {
        bool names = target.Partition is not null || target.Control is not null;
        if (!isGuest && (script.Reboot || script.Nic is not null || trace is not null)) throw new UsageException("--reboot, --nic and --trace are for a guest: give --guest too.");
        if (!isGuest && names) throw new UsageException("A partition and --control are for a guest: give --guest too.");
        if (!isGuest) return;
        if (socket is not null) throw new UsageException("--socket is where a host is, and --guest checks a guest: give one of them.");
        if (trace is not null && (names || script.Reboot || script.Nic is not null)) throw new UsageException("With --trace nothing is done with a partition: leave it, --reboot and --nic out.");
        if (trace is null && !target.IsNamed) throw new UsageException(PartitionTarget.Missing);
    }

    private static ConformanceReport RunGuest(GuestScript script, PartitionTarget target, string? trace, string? name, Func<string, bool>? takes)
    {
        if (trace is not null)
        {
            var kept = new GuestRecording();
            using FileStream file = File.OpenRead(trace);
            kept.ReadAsync(file).GetAwaiter().GetResult();
            return GuestRun.Check(kept.Records, kept.IsWhole, name ?? trace, takes);
        }

        (string partition, GuestRecording recording) = script.RunAsync(target, Console.Error).GetAwaiter().GetResult();
        return GuestRun.Check(recording.Records, recording.IsWhole, name ?? partition, takes);
    }

    private static ConformanceReport Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return ReportReader.ReadJson(file);
        }
        catch (InvalidDataException problem)
        {
            throw new UsageException($"'{path}' is no report: {problem.Message}.");
        }
    }

    private static void Write(string? path, ConformanceReport report, Action<ConformanceReport, Stream> write)
    {
        if (path is null) return;
        using FileStream file = File.Create(path);
        write(report, file);
    }
}
