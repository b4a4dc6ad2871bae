using System.CommandLine;
using VmBus.GuestTools.Bench;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest bench</c>: how fast this guest and its host speak.</summary>
internal static class BenchCommand
{
    private const int MostSeconds = 60;

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Option<uint?> socket = new("--socket")
        {
            Description = "Measure a Hyper-V socket to PORT, where the host sends everything back; without it a channel of the VMBus, for which the partition has to be started with 'vmbus run --echo' and this kernel has to be 6.10 or later",
            HelpName = "PORT",
        };
        Option<int> seconds = new("--seconds") { Description = $"For how long, for each figure; 1 to {MostSeconds}", DefaultValueFactory = static _ => 3, HelpName = "SECONDS" };
        seconds.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MostSeconds) result.AddError($"--seconds takes 1 to {MostSeconds}.");
        });
        Option<bool> json = new("--json") { Description = "As JSON" };
        var command = new Command("bench", "Measures round trips and throughput between this guest and its host; as root.") { socket, seconds, json };
        command.SetAction(parsed =>
        {
            using IBenchLink link = parsed.GetValue(socket) is { } port ? SocketLink.Open(port) : ChannelLink.Open();
            var report = BenchReport.Measure(link, TimeSpan.FromSeconds(parsed.GetValue(seconds)));
            Console.Out.Write(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitStatus.Success;
        });
        return command;
    }
}
