using System.CommandLine;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus events</c>: what happens to a partition, as it happens.</summary>
internal static class EventsCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Print one JSON object a line" };
        var command = new Command("events", "Prints what happens to a running partition until it ends, or to all partitions of the service, a line each.") { json };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command, isOptional: true);
        command.SetAction(parsed => RunCommand.Guard(() => FollowAsync(target(parsed), parsed.GetValue(json)).GetAwaiter().GetResult()));
        return command;
    }

    private static async Task<int> FollowAsync(PartitionTarget target, bool json)
    {
        ControlClient client = await target.ConnectForEventsAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            while (await client.NextEventAsync(CancellationToken.None).ConfigureAwait(false) is { } happened)
                Console.Out.Write(json ? JsonText.OfEvent(happened.Name, happened.Fields) : EventText.Line(happened.Name, happened.Fields) + "\n");
        }

        return ExitStatus.Success;
    }
}
