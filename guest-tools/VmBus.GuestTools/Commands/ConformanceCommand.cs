using System.CommandLine;
using VmBus.Client.Sysfs;
using VmBus.Client.Uio;
using VmBus.Conformance.Inside;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.GuestTools.Daemon;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest conformance</c>: holds the host of this guest against the rules of the protocol pages.</summary>
internal static class ConformanceCommand
{
    private const int LongestPatience = 3600;

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Option<string[]> rules = new("--rule")
        {
            Description = "Only this rule (CH-10), or all whose ids begin so (CH); may be given several times",
            HelpName = "ID",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> device = new("--device")
        {
            Description = "Drive this device and not the host's echo device: it is taken from its driver, opened twice, and given back, and nothing is said to it. The number of a channel, or the beginning of an instance or of a class's name",
            HelpName = "DEVICE",
        };
        Option<bool> breaks = new("--break") { Description = "At the end break a rule of the echo device's ring, the first of RG-13 to RG-19 that --rule names: the host takes the device away for it until this guest starts again" };
        Option<string> name = new("--name") { Description = "What the report calls the host", DefaultValueFactory = static _ => "this guest's host", HelpName = "NAME" };
        Option<string?> json = new("--json") { Description = "Write the report to this file as JSON", HelpName = "FILE" };
        Option<string?> junit = new("--junit") { Description = "Write the report to this file as JUnit XML", HelpName = "FILE" };
        Option<bool> brief = new("--brief") { Description = "Leave out the lines of rules that are kept" };
        Option<int> patience = new("--patience") { Description = $"How long an answer of the host is waited for; 1 to {LongestPatience}", DefaultValueFactory = static _ => 10, HelpName = "SECONDS" };
        patience.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > LongestPatience) result.AddError($"--patience takes 1 to {LongestPatience}.");
        });
        var command = new Command(
            "conformance",
            "Holds the host of this guest, whoever made it, against the rules of the protocol pages: by what the kernel's log, sysfs, tracing and CPUID show, and by a device of the VMBus that uio_hv_generic gives to this program (Linux 6.10; before, one with a monitor page: 'vmbus run --echo --monitor'); as root. Prints one line for each rule (pass, FAIL, or not covered) with what was seen, and a table. Exit status 0 when no rule is broken, 1 when one is.")
        {
            rules, device, breaks, name, json, junit, brief, patience,
        };
        command.SetAction(parsed =>
        {
            RuleFilter filter = RuleFilter.TryParse(parsed.GetValue(rules) ?? [], out string unknown)
                ?? throw new ToolException($"There is no rule '{PeerText.Escape(unknown, 64)}': the pages of protocol-spec have all.", ExitStatus.BadUsage);
            var run = new InsideRun(parsed.GetValue(name)!)
            {
                Patience = TimeSpan.FromSeconds(parsed.GetValue(patience)),
                Device = Choose(parsed.GetValue(device)),
                Break = parsed.GetValue(breaks),
            };
            ConformanceReport report = run.Run(filter.IsOpen ? null : filter.Takes);
            ReportWriter.WriteText(report, Console.Out, !parsed.GetValue(brief));
            Write(parsed.GetValue(json), report, ReportWriter.WriteJson);
            Write(parsed.GetValue(junit), report, ReportWriter.WriteJunit);
            return report.IsGreen ? ExitStatus.Success : ExitStatus.Failure;
        });
        return command;
    }

    // A device that another program drives would answer both.
    private static VmbusDevice? Choose(string? word)
    {
        var tree = new VmbusTree("/");
        if (!tree.IsPresent) throw new ToolException("There is no VMBus: /sys/bus/vmbus is missing; load the driver with 'modprobe hv_vmbus', in a guest of Hyper-V, Azure or VmBus.");
        VmbusDevice? chosen = word is null ? tree.Read().FirstOrDefault(static device => device.ClassId == EchoInterface.Type) : One(tree.Find(word), word);
        string? node = chosen is null ? null : UioDevice.Find(chosen.ClassId).FirstOrDefault(device => device.Instance == chosen.InstanceId.ToString())?.Node;
        if (node is not null && DeviceHolder.Find(node) is not null) throw new ToolException($"{node} is open in {DeviceHolder.Describe(node)}: wait until it has ended.");
        return word is null ? null : chosen;
    }

    private static VmbusDevice One(IReadOnlyList<VmbusDevice> found, string word) => found.Count == 1
        ? found[0]
        : throw new ToolException($"{(found.Count == 0 ? "There is no" : "There is more than one")} device '{PeerText.Escape(word, 64)}': 'vmbus-guest devices' lists those that are.");

    private static void Write(string? path, ConformanceReport report, Action<ConformanceReport, Stream> write)
    {
        if (path is null) return;
        using FileStream file = File.Create(path);
        write(report, file);
    }
}
