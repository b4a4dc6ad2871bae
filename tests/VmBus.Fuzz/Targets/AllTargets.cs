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
        ("scsi", static () => new ScsiCommandTarget()), ("network", static () => new NetworkTarget()),
        .. IntegrationTarget.Services.Select(static one => (one.Name, (Func<IFuzzTarget>)(() => new IntegrationTarget(one.Service, one.Name)))),
        ("balloon", static () => new BalloonTarget()), ("sockets", static () => new SocketTarget()), ("virtqueue-split", static () => new SplitQueueTarget()),
        ("virtqueue-packed", static () => new PackedQueueTarget()), ("virtio-block", static () => new VirtioBlockTarget()), ("virtio-scsi", static () => new VirtioScsiTarget()),
        ("virtio-net", static () => new VirtioNetTarget()), ("virtio-balloon", static () => new VirtioBalloonTarget()), ("virtio-console", static () => new VirtioConsoleTarget()),
        ("virtio-vsock", static () => new VirtioSocketTarget()), ("virtio-pci", static () => new PciTarget()), ("vhost-user", static () => new VhostUserTarget()), ("control", static () => new ControlTarget()),
        ("verbs", static () => new VerbTarget()), ("service", static () => new ServiceTarget()), ("definition", static () => new DefinitionTarget()),
        ("given", static () => new GivenTarget()), ("trace", static () => new TraceTarget()), ("loader", static () => new LoaderTarget()),
        ("import-libvirt", ImportTarget.Libvirt), ("import-hyperv", ImportTarget.HyperV), ("exec", static () => new ExecTarget()), ("image", static () => new ImageTarget()),
    ];
}
