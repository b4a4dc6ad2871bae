using System.CommandLine;
using VmBus.Cli.Commands;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Options;

/// <summary>Which partition a command is for: one that the service knows by its name, or the one behind a control socket.</summary>
/// <param name="Partition">The name; null with a socket.</param>
/// <param name="Control">What <c>--control</c> names; null without.</param>
/// <param name="Service">The service's socket.</param>
internal sealed record PartitionTarget(string? Partition, string? Control, string Service)
{
    /// <summary>What the argument is called, by which <see cref="PartitionWords"/> knows it.</summary>
    public const string ArgumentName = "PARTITION";

    /// <summary>What stands for the name where a socket is given.</summary>
    public const string NoName = "-";

    /// <summary>What is said when there is neither.</summary>
    public static string Missing { get; } = $"{ArgumentName} is missing: name one that 'vmbus list' shows, or give {ControlOption.Name} PATH or set {ControlProtocol.SocketVariable}.";

    /// <summary>Whether a command needs a partition, and none is named.</summary>
    public static bool IsMissing(ParseResult parsed)
        => parsed.CommandResult.Command.Arguments.FirstOrDefault() is { Name: ArgumentName } argument && argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is null or { Tokens.Count: 0 };

    /// <summary>Adds the argument and the option to a command, before any other argument.</summary>
    /// <param name="command">The command.</param>
    /// <param name="isOptional">Whether the command can do without.</param>
    /// <returns>What reads them.</returns>
    public static Func<ParseResult, PartitionTarget> AddTo(Command command, bool isOptional = false)
    {
        Option<string?> control = ControlOption.Create();
        Argument<string?> name = new(ArgumentName)
        {
            Description = isOptional
                ? $"Its name in the service; left out for all, and with --control or {ControlProtocol.SocketVariable}"
                : $"Its name in the service; left out with --control or {ControlProtocol.SocketVariable}",
            Arity = isOptional ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        };
        name.CompletionSources.Add(ServiceOption.Names);
        command.Add(name);
        command.Add(control);
        return parsed => new PartitionTarget(parsed.GetValue(name) is { } given && given != NoName ? given : null, parsed.GetValue(control), ServiceOption.PathOf(parsed));
    }

    /// <summary>Whether it names a partition; else the command is for all of the service.</summary>
    public bool IsNamed => Partition is not null || Control is not null || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(ControlProtocol.SocketVariable));

    /// <summary>Connects to the partition's control socket.</summary>
    /// <exception cref="ControlException">There is no such partition, it is off, or nobody answers.</exception>
    public async Task<ControlClient> ConnectAsync(CancellationToken cancellation = default)
        => await ControlClient.ConnectAsync(Partition is null ? ControlOption.PathOf(Control) : await FindAsync(Partition, cancellation).ConfigureAwait(false), ControlCommand.ProgramName, cancellation)
            .ConfigureAwait(false);

    /// <summary>Connects to the service.</summary>
    /// <exception cref="ControlException">Nobody answers.</exception>
    public Task<ControlClient> ConnectToServiceAsync(CancellationToken cancellation = default) => ServiceOption.ConnectAsync(Service, cancellation);

    /// <summary>Connects to whatever tells of the partition, or of all.</summary>
    /// <exception cref="ControlException">There is no such partition, it is off, or nobody answers.</exception>
    public Task<ControlClient> ConnectForEventsAsync() => IsNamed ? ConnectAsync() : ConnectToServiceAsync();

    private async Task<string> FindAsync(string partition, CancellationToken cancellation)
    {
        ControlClient service;
        try
        {
            service = await ConnectToServiceAsync(cancellation).ConfigureAwait(false);
        }
        catch (ControlException)
        {
            // Partitions run on while the service is restarted: this is where it keeps their sockets.
            string path = Path.Combine(Path.GetDirectoryName(Service) ?? "", "partitions", partition, "control");
            if (!partition.Contains('/', StringComparison.Ordinal) && File.Exists(path)) return path;
            throw;
        }

        await using (service.ConfigureAwait(false))
        {
            PartitionStatus status = await service.CallAsync(ServiceVerb.Show, new NameRequest(partition), cancellation).ConfigureAwait(false);
            return status.Control ?? throw new ControlException(ControlErrorCode.Failed, $"{partition} is {status.State}: 'vmbus start {partition}' starts it.");
        }
    }
}
