using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>What can be asked of the service that keeps the partitions. Source: protocol-spec/service.md#verbs.</summary>
public static class ServiceVerb
{
    /// <summary>The partitions that are defined.</summary>
    public static ControlVerb<NoValue, PartitionStatusList> List { get; } = new("service.list");

    /// <summary>How one of them stands, and where its worker is reached.</summary>
    public static ControlVerb<NameRequest, PartitionStatus> Show { get; } = new("service.show");

    /// <summary>The text of its definition.</summary>
    public static ControlVerb<NameRequest, DefinitionReply> Definition { get; } = new("service.definition");

    /// <summary>Defines one, or defines it anew.</summary>
    public static ControlVerb<DefineRequest, PartitionStatus> Define { get; } = new("service.define");

    /// <summary>Removes its definition. Its disks stay.</summary>
    public static ControlVerb<NameRequest, NoValue> Undefine { get; } = new("service.undefine");

    /// <summary>Starts it.</summary>
    public static ControlVerb<NameRequest, PartitionStatus> Start { get; } = new("service.start");

    /// <summary>Asks its guest to power off, and ends it when the guest has not in time.</summary>
    public static ControlVerb<StopRequest, EndReply> Stop { get; } = new("service.stop");

    /// <summary>Ends it at once, as pulling the plug does.</summary>
    public static ControlVerb<NameRequest, EndReply> Kill { get; } = new("service.kill");

    /// <summary>Has something opened for one that runs, and given to its worker, whose own verb is then to take it.</summary>
    public static ControlVerb<GiveRequest, NoValue> Give { get; } = new("service.give");

    /// <summary>Says whether it is started with the service.</summary>
    public static ControlVerb<AutostartRequest, PartitionStatus> Autostart { get; } = new("service.autostart");

    /// <summary>Reads the definition files again.</summary>
    public static ControlVerb<NoValue, ReloadReply> Reload { get; } = new("service.reload");
}
