using VmBus.Protocol.Integration;

namespace VmBus.Cli.Options;

/// <summary><c>--integration</c>: which integration services the guest is offered, dynamic memory among them.</summary>
/// <param name="Services">Those that share one protocol.</param>
/// <param name="DynamicMemory">Whether dynamic memory is offered, which has its own.</param>
internal sealed record IntegrationOption(IReadOnlyList<IntegrationService> Services, bool DynamicMemory)
{
    /// <summary>For the option's help.</summary>
    public const string Help = "Integration services that the guest is offered: all, none, or some of " + Names + ", with commas between them";

    private const string Memory = "memory";
    private const string Names = "shutdown, heartbeat, time, kvp, vss, copy, memory";

    /// <summary>Reads the option's value.</summary>
    /// <exception cref="UsageException">It names something else.</exception>
    public static IntegrationOption Parse(string text)
    {
        string[] names = text.Split(',');
        return text switch
        {
            "all" => new IntegrationOption(IntegrationServices.All, true),
            "none" => new IntegrationOption([], false),
            _ => new IntegrationOption([.. names.Where(static name => name != Memory).Select(name => Find(name, text))], names.Contains(Memory)),
        };
    }

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
