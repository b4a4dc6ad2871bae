using System.CommandLine;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary>What the commands have in common that ask a running partition over its control socket.</summary>
internal static class ControlCommand
{
    /// <summary>This program, as the other end of a socket knows it.</summary>
    public static string ProgramName { get; } = $"vmbus {typeof(ControlCommand).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>The option for output that programs read.</summary>
    public static Option<bool> JsonOption() => new("--json") { Description = "Print JSON: the result as it came over the socket" };

    /// <summary>A command that is one of the monitor's.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">Its help.</param>
    /// <param name="arguments">What it takes.</param>
    /// <param name="read">Makes the monitor's command of it, or says by a <see cref="UsageException"/> why not.</param>
    public static Command Create(string name, string description, IReadOnlyList<Argument> arguments, Func<ParseResult, MonitorCommand> read)
    {
        Option<bool> json = JsonOption();
        var command = new Command(name, description);
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.Add(json);
        foreach (Argument argument in arguments) command.Add(argument);
        command.SetAction(parsed => RunCommand.Guard(() => RunAsync(target(parsed), read(parsed), parsed.GetValue(json)).GetAwaiter().GetResult()));
        return command;
    }

    // A partition of the service opens nothing itself.
    private static async Task GiveAsync(PartitionTarget target, MonitorCommand command)
    {
        (string Device, string Text)? needed = command switch
        {
            MonitorCommand.AddDisk disk => (GiveRequest.Disk, disk.Options),
            MonitorCommand.AddNic nic => (GiveRequest.Nic, nic.Options),
            IntegrationCommand.Copy copy => (GiveRequest.File, Path.GetFullPath(copy.File)),
            _ => null,
        };
        if (needed is not var (device, text) || target.Partition is not { } partition) return;
        ControlClient service = await target.ConnectToServiceAsync().ConfigureAwait(false);
        await using (service.ConfigureAwait(false)) await service.CallAsync(ServiceVerb.Give, new GiveRequest(partition, device, text), CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task<int> RunAsync(PartitionTarget target, MonitorCommand command, bool json)
    {
        await GiveAsync(target, command).ConfigureAwait(false);
        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            Answer answer = await new MonitorExecutor(client, Console.IsErrorRedirected ? null : Console.Error).ExecuteAsync(command, CancellationToken.None).ConfigureAwait(false);
            Console.Out.Write(json ? answer.Json() : answer.Text);
            return ExitStatus.Success;
        }
    }
}
