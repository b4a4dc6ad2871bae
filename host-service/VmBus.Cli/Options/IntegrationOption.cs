using VmBus.Protocol.Integration;

namespace VmBus.Cli.Options;

/// <summary><c>--integration</c>: which integration services the guest is offered.</summary>
internal static class IntegrationOption
{
    /// <summary>For the option's help.</summary>
    public const string Help = "Integration services that the guest is offered: all, none, or some of " + Names + ", with commas between them";

    private const string Names = "shutdown, heartbeat, time, kvp, vss, copy";

    /// <summary>Reads the option's value.</summary>
    /// <exception cref="UsageException">It names something else.</exception>
    public static IReadOnlyList<IntegrationService> Parse(string text) => text switch
    {
        "all" => IntegrationServices.All,
        "none" => [],
        _ => [.. text.Split(',').Select(name => Find(name, text))],
    };

    private static IntegrationService Find(string name, string text) => name switch
    {
        "shutdown" => IntegrationServices.Shutdown,
        "heartbeat" => IntegrationServices.Heartbeat,
        "time" => IntegrationServices.TimeSync,
        "kvp" => IntegrationServices.KeyValueExchange,
        "vss" => IntegrationServices.Backup,
        "copy" => IntegrationServices.FileCopy,
        _ => throw new UsageException($"--integration '{text}': '{name}' is none of {Names}, and not all or none alone."),
    };
}
