namespace VmBus.Protocol.Integration;

/// <summary>One integration service: how it is offered and which versions the host speaks.</summary>
/// <param name="Name">The name that Hyper-V's users know.</param>
/// <param name="InterfaceType">What guests choose their driver by.</param>
/// <param name="Instance">Hyper-V's own instance, which guests' programs know by heart.</param>
/// <param name="Type">Its messages.</param>
/// <param name="Frameworks">Framework versions offered to the guest.</param>
/// <param name="Versions">Message versions offered to the guest.</param>
public sealed record IntegrationService(
    string Name,
    Guid InterfaceType,
    Guid Instance,
    IntegrationMessageType Type,
    IReadOnlyList<IntegrationVersion> Frameworks,
    IReadOnlyList<IntegrationVersion> Versions)
{
    /// <summary>The pipe's mode in the user-defined bytes of the offer: messages.</summary>
    public const int PipeMessageMode = 4;
}

/// <summary>The six services. Source: protocol-spec/integration.md#services.</summary>
public static class IntegrationServices
{
    private static readonly IntegrationVersion[] Frameworks = [new(1, 0), new(3, 0)];

    /// <summary>Power off, reboot, hibernate.</summary>
    public static readonly IntegrationService Shutdown = new(
        "Shutdown",
        new("0e0b6031-5213-4934-818b-38d90ced39db"),
        new("b6650ff7-33bc-4840-8048-e0676786f393"),
        IntegrationMessageType.Shutdown,
        Frameworks,
        [new(1, 0), new(3, 0), new(3, 1), new(3, 2)]);

    /// <summary>The guest's clock.</summary>
    public static readonly IntegrationService TimeSync = new(
        "Time Synchronization",
        new("9527e630-d0ae-497b-adce-e80ab0175caf"),
        new("2dd1ce17-079e-403c-b352-a1921ee207ee"),
        IntegrationMessageType.TimeSync,
        Frameworks,
        [new(1, 0), new(3, 0), new(4, 0)]);

    /// <summary>Whether the guest is alive.</summary>
    public static readonly IntegrationService Heartbeat = new(
        "Heartbeat",
        new("57164f39-9115-4e78-ab55-382f3bd5422d"),
        new("fd149e91-82e0-4a7d-afa6-2a4166cbd7c0"),
        IntegrationMessageType.Heartbeat,
        Frameworks,
        [new(1, 0), new(3, 0)]);

    /// <summary>Strings between host and guest, and the guest's network addresses.</summary>
    public static readonly IntegrationService KeyValueExchange = new(
        "Key-Value Pair Exchange",
        new("a9a0f4e7-5a45-4d96-b827-8a841e8c03e6"),
        new("242ff919-07db-4180-9c2e-b86cb68c8c55"),
        IntegrationMessageType.KeyValueExchange,
        Frameworks,
        [new(1, 0), new(3, 0), new(4, 0), new(5, 0)]);

    /// <summary>File systems at rest.</summary>
    public static readonly IntegrationService Backup = new(
        "VSS",
        new("35fa2e29-ea23-4236-96ae-3a6ebacba440"),
        new("2450ee40-33bf-4fbd-892e-9fb06e9214cf"),
        IntegrationMessageType.Backup,
        Frameworks,
        [new(4, 0), new(5, 0), new(6, 0), new(7, 0)]);

    /// <summary>Files from the host to the guest.</summary>
    public static readonly IntegrationService FileCopy = new(
        "Guest Service Interface",
        new("34d14be3-dee4-41c8-9ae7-6b174977c192"),
        new("eb765408-105f-49b6-b4aa-c123b64d17d4"),
        IntegrationMessageType.FileCopy,
        Frameworks,
        [new(1, 1)]);

    /// <summary>All of them, in the order that the guest is offered them.</summary>
    public static IReadOnlyList<IntegrationService> All { get; } = [Heartbeat, Shutdown, TimeSync, KeyValueExchange, Backup, FileCopy];
}
