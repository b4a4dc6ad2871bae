using VmBus.Fuzz.Engine;

namespace VmBus.Fuzz.Targets;

/// <summary>Every target, by its name. Each is made when it is wanted.</summary>
internal static class AllTargets
{
    /// <summary>Names and makers.</summary>
    public static IReadOnlyList<(string Name, Func<IFuzzTarget> Make)> List { get; } =
    [
        ("channel", static () => new ChannelTarget()), ("gpadl", static () => new GpadlTarget()), ("ring", static () => new RingTarget()),
        ("ring-race", static () => new RingRaceTarget()), ("bus", static () => new BusTarget()), ("storage", static () => new StorageTarget()),
        ("scsi", static () => new ScsiCommandTarget()), ("network", static () => new NetworkTarget()), ("integration", static () => new IntegrationTarget()),
        ("balloon", static () => new BalloonTarget()), ("sockets", static () => new SocketTarget()), ("virtqueue-split", static () => new SplitQueueTarget()),
        ("virtqueue-packed", static () => new PackedQueueTarget()), ("vhost-user", static () => new VhostUserTarget()), ("control", static () => new ControlTarget()),
        ("exec", static () => new ExecTarget()), ("image", static () => new ImageTarget()),
    ];
}
