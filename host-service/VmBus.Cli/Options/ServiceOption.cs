using System.CommandLine;
using System.CommandLine.Completions;
using VmBus.Cli.Commands;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;

namespace VmBus.Cli.Options;

/// <summary><c>--service PATH</c>: where the service is asked.</summary>
internal static class ServiceOption
{
    /// <summary>Its name.</summary>
    public const string Name = "--service";

    private const string Socket = "vmbusd.sock";
    private const string SystemSocket = "/run/vmbus/" + Socket;
    private static readonly TimeSpan CompletionLimit = TimeSpan.FromSeconds(1);

    /// <summary>The option, which every command has.</summary>
    public static Option<string?> Instance { get; } = new(Name)
    {
        HelpName = "PATH",
        Recursive = true,
        Description = $"The socket of the service; without this, what {ControlProtocol.ServiceVariable} names, or the user's own service, or the system's",
    };

    /// <summary>Which socket is to be used.</summary>
    public static string PathOf(ParseResult parsed)
    {
        string? named = parsed.GetValue(Instance) ?? Environment.GetEnvironmentVariable(ControlProtocol.ServiceVariable);
        if (!string.IsNullOrEmpty(named)) return named;
        if (FileOwner.CurrentUser == 0) return SystemSocket;
        string own = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } folder
            ? Path.Combine(folder, "vmbus", Socket)
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") ?? "/", ".local", "state", "vmbus", "run", Socket);
        return File.Exists(own) || !File.Exists(SystemSocket) ? own : SystemSocket;
    }

    /// <summary>The names of the partitions, for a shell's completion: none when the service does not answer at once.</summary>
    public static IEnumerable<CompletionItem> Names(CompletionContext context)
    {
        using var limit = new CancellationTokenSource(CompletionLimit);
        try
        {
            return ListAsync(PathOf(context.ParseResult), limit.Token).GetAwaiter().GetResult();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return [];
        }
    }

    /// <summary>Connects.</summary>
    /// <exception cref="ControlException">Nobody answers, or this user may not.</exception>
    public static async Task<ControlClient> ConnectAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return await ControlClient.ConnectAsync(path, ControlCommand.ProgramName, cancellation).ConfigureAwait(false);
        }
        catch (ControlException exception) when (exception.Code == ControlErrorCode.Failed)
        {
            string reason = exception.InnerException?.Message ?? exception.Message;
            throw new ControlException(
                ControlErrorCode.Failed, $"The service does not answer at '{path}' ({reason}): start it ('systemctl start vmbusd', or 'vmbus serve'), or name its socket by {Name}.", exception);
        }
    }

    private static async Task<IEnumerable<CompletionItem>> ListAsync(string path, CancellationToken cancellation)
    {
        ControlClient service = await ConnectAsync(path, cancellation).ConfigureAwait(false);
        await using (service.ConfigureAwait(false))
        {
            PartitionStatusList list = await service.CallAsync(ServiceVerb.List, NoValue.Instance, cancellation).ConfigureAwait(false);
            return [.. list.Partitions.Select(static one => new CompletionItem(one.Name))];
        }
    }
}
