using System.CommandLine;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus show</c>: how a partition stands.</summary>
internal static class ShowCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<bool> json = ControlCommand.JsonOption();
        var command = new Command("show", "Shows a partition: what the service knows of it and, while it runs, its uptime, VMBus version and channels. With --json one of them: the service's where it was named.");
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.Add(json);
        command.SetAction(parsed => RunCommand.Guard(() => ShowAsync(target(parsed), parsed.GetValue(json)).GetAwaiter().GetResult()));
        return command;
    }

    private static async Task<int> ShowAsync(PartitionTarget target, bool json)
    {
        if (target.Partition is { } name)
        {
            ControlClient service = await target.ConnectToServiceAsync().ConfigureAwait(false);
            await using (service.ConfigureAwait(false))
            {
                PartitionStatus status = await service.CallAsync(ServiceVerb.Show, new NameRequest(name), CancellationToken.None).ConfigureAwait(false);
                Console.Out.Write(json ? JsonText.Of(status) : ServiceText.Describe(status));
                if (json || status.State is not ("running" or "stopping")) return ExitStatus.Success;
            }
        }

        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            Answer answer = await new MonitorExecutor(client).ExecuteAsync(new MonitorCommand.ShowInfo(), CancellationToken.None).ConfigureAwait(false);
            // Name and state are there already.
            Console.Out.Write(json ? answer.Json() : target.Partition is null ? answer.Text : string.Concat(answer.Text.Split('\n').Skip(2).Where(static line => line.Length > 0).Select(static line => line + "\n")));
            return ExitStatus.Success;
        }
    }
}
