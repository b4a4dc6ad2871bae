using System.CommandLine;
using System.Globalization;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus stop</c> and <c>vmbus kill</c>: end a running partition, and say how it ended.</summary>
internal static class EndCommand
{
    private const int LongestSeconds = 86_400;

    /// <summary>Builds <c>stop</c>.</summary>
    public static Command CreateStop()
    {
        Option<int?> timeout = new("--timeout") { HelpName = "SECONDS", Description = "How long the guest gets; without this, what its definition or --stop-timeout said when it was started" };
        Option<bool> noWait = new("--no-wait") { Description = "Press the power button and do not wait for the guest" };
        var command = new Command(
            "stop", "Asks the guest of a running partition to power off and waits for its end. Exit status 0 when the guest powered off, 1 when it had to be ended, 3 when it crashed or reset.")
        {
            timeout, noWait,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            int? seconds = parsed.GetValue(timeout);
            if (seconds is < 0 or > LongestSeconds) throw new UsageException($"--timeout {seconds}: must be 0 to {LongestSeconds}.");
            PartitionTarget partition = target(parsed);
            bool wait = !parsed.GetValue(noWait);
            if (partition.Partition is { } name)
                return EndByServiceAsync(partition, ServiceVerb.Stop, new StopRequest(name, seconds * 1000L, wait), killed: false).GetAwaiter().GetResult();
            var press = new MonitorCommand.PowerOff(seconds is { } given ? TimeSpan.FromSeconds(given) : null);
            return EndAsync(partition, press, wait).GetAwaiter().GetResult();
        }));
        return command;
    }

    /// <summary>Builds <c>kill</c>.</summary>
    public static Command CreateKill()
    {
        var command = new Command("kill", "Ends a running partition at once, as pulling the plug does, and waits for its end.");
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            PartitionTarget partition = target(parsed);
            return (partition.Partition is { } name
                ? EndByServiceAsync(partition, ServiceVerb.Kill, new NameRequest(name), killed: true)
                : EndAsync(partition, new MonitorCommand.Quit(), wait: true)).GetAwaiter().GetResult();
        }));
        return command;
    }

    private static async Task<int> EndByServiceAsync<TParameters>(PartitionTarget target, ControlVerb<TParameters, EndReply> verb, TParameters parameters, bool killed)
        where TParameters : IControlValue<TParameters>
    {
        ControlClient service = await target.ConnectToServiceAsync().ConfigureAwait(false);
        await using (service.ConfigureAwait(false))
        {
            EndReply end = await service.CallAsync(verb, parameters, CancellationToken.None).ConfigureAwait(false);
            if (end.Reason is null)
            {
                Console.Out.WriteLine($"{target.Partition} was asked to power off");
                return ExitStatus.Success;
            }

            return Judge(new ControlEvent(0, target.Partition!, end.Reason, end.Detail, null, null, null), killed);
        }
    }

    private static async Task<int> EndAsync(PartitionTarget target, MonitorCommand end, bool wait)
    {
        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            if (wait) await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            Answer answer = await new MonitorExecutor(client).ExecuteAsync(end, CancellationToken.None).ConfigureAwait(false);
            if (!wait)
            {
                Console.Out.Write(answer.Text);
                return ExitStatus.Success;
            }

            while (await client.NextEventAsync(CancellationToken.None).ConfigureAwait(false) is { } happened)
            {
                if (happened.Name == PartitionEventName.Ended) return Judge(happened.Fields, end is MonitorCommand.Quit);
            }
        }

        Console.Error.WriteLine("vmbus: the partition's process is gone and has not said how the partition ended.");
        return ExitStatus.Failure;
    }

    private static int Judge(ControlEvent ended, bool killed)
    {
        if (ended.Reason == "powered-off" || (killed && ended.Reason is "terminated" or "died")) return ExitStatus.Success;
        string detail = string.Concat((ended.Detail is null ? "" : $": {ended.Detail}").Select(static c => char.IsControl(c) ? ' ' : c));
        string what = ended.Reason == "terminated" ? "did not power off in time, and was ended" : $"has ended, {ended.Reason}";
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"vmbus: {ended.Partition} {what}{detail}"));
        return ended.Reason is "crashed" or "reset" ? ExitStatus.GuestCrashed : ExitStatus.Failure;
    }
}
