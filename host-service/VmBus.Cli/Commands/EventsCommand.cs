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
        Option<string?> control = ControlOption.Create();
        Option<bool> json = new("--json") { Description = "Print one JSON object a line" };
        var command = new Command("events", "Prints what happens to a running partition, a line each, until it ends.") { control, json };
        command.SetAction(parsed => RunCommand.Guard(() => FollowAsync(parsed.GetValue(control), parsed.GetValue(json)).GetAwaiter().GetResult()));
        return command;
    }

    private static async Task<int> FollowAsync(string? control, bool json)
    {
        ControlClient client = await ControlCommand.ConnectAsync(control).ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            while (await client.NextEventAsync(CancellationToken.None).ConfigureAwait(false) is { } happened)
                Console.Out.Write(json ? JsonText.OfEvent(happened.Name, happened.Fields) : EventText.Line(happened.Name, happened.Fields) + "\n");
        }

        return ExitStatus.Success;
    }
}
