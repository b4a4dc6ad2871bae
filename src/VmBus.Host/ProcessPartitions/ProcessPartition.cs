using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Bus.Tracing;
using VmBus.Host.Devices;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Network;
using VmBus.Providers.Sockets;
using VmBus.Storage.Disks;

namespace VmBus.Host.ProcessPartitions;

/// <summary>
/// A partition without a machine: the bus and every device of a partition, with a guest that is a part of this process. It needs no KVM.
/// </summary>
/// <remarks>
/// Any thread. The guest posts and signals here and waits in <see cref="Ports"/>; its RAM is <see cref="Memory"/>. The network adapter's cable leads
/// nowhere: what it sends is gone, and only <see cref="Deliver"/> puts a frame in.
/// </remarks>
public sealed class ProcessPartition : IDisposable
{
    private static readonly MacAddress Address = MacAddress.Read([0x02, 0, 0, 0, 0, 1]);

    private readonly List<Lane> _lanes = [];
    private readonly StorageController _storage;
    private readonly OpenEndedLink _link = new();
    private readonly NetworkProvider _network;
    private readonly NetworkAdapters _adapters;
    private readonly IntegrationComponents _integration;
    private readonly DynamicMemoryProvider _dynamicMemory;
    private readonly SocketProvider? _sockets;
    private readonly VmBusServer _bus;

    private ProcessPartition(ProcessPartitionOptions options, string name, ILogger logger)
    {
        Memory = GuestMemory.Create(options.MemoryBytes);
        for (int i = 0; i < 2; i++) _lanes.Add(Lane.Start($"lane-{i}", logger));
        _storage = new StorageController(name, options.ProcessorCount, logger);
        foreach (DiskOptions disk in options.Disks) _ = _storage.Add(disk);
        _network = new NetworkProvider(_link, StableIds.Create("network-adapter", name), new NetworkOptions(Address) { MaximumQueues = options.ProcessorCount }, logger);
        _adapters = new NetworkAdapters(name, options.ProcessorCount, static nic => throw new LinkException(LinkProblem.Host, $"'{nic.Name}' cannot be had without a machine."), null, logger);
        _integration = new IntegrationComponents(name, new HostClock(), _adapters, HostDevices.Instance, logger);
        _dynamicMemory = new DynamicMemoryProvider(new PartitionMemory(Memory), TimeProvider.System, logger);
        if (options.SocketPath is { } path) _sockets = SocketProvider.Listen(path, logger);
        _bus = VmBusServer.Start(new BusPorts(Ports, Ports, Ports, Memory) { Connects = _sockets }, _lanes, options.MaximumVersion.Value, logger);
        _bus.Offer(_storage.Provider);
        _bus.Offer(_network);
        _integration.OfferOn(_bus.Offer);
        _bus.Offer(_dynamicMemory);
        _sockets?.Attach(_bus);
    }

    /// <summary>The guest's RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>What a machine would carry to the guest.</summary>
    public ProcessPorts Ports { get; } = new();

    /// <summary>Opens everything, and offers it.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="name">Its name, which identities are made from.</param>
    /// <param name="logger">For what happens.</param>
    /// <exception cref="IOException">A disk or the socket cannot be opened; the message says why and what to do.</exception>
    public static ProcessPartition Start(ProcessPartitionOptions options, string name, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ProcessPartition(options, name, logger);
    }

    /// <summary>Takes a message of the guest's (HVCALL_POST_MESSAGE).</summary>
    public PostStatus Post(uint connectionId, ReadOnlySpan<byte> message) => _bus.Post(connectionId, message);

    /// <summary>Has the guest's driver give memory back or take more; <c>vmbus memory set</c> of a partition without a machine.</summary>
    /// <param name="bytes">All that the guest is to have.</param>
    /// <param name="cancellation">Gives it up: the guest stays as it is then.</param>
    /// <returns>When the guest has it.</returns>
    /// <exception cref="DynamicMemoryException">The guest cannot, or its driver is not there; the message says which.</exception>
    public Task SetMemoryAsync(long bytes, CancellationToken cancellation = default) => _dynamicMemory.SetAsync(bytes, cancellation);

    /// <summary>Has a frame come from the other end of the network adapter's cable.</summary>
    /// <param name="frame">From its destination on, without a checksum; 14 to 1514 bytes.</param>
    /// <returns>False while the guest has opened no channel of the adapter, or when it cannot be a frame.</returns>
    public bool Deliver(ReadOnlySpan<byte> frame) => _link.Deliver(frame);

    /// <summary>Begins to record what guest and host say to each other on the bus; null when as many traces run as may.</summary>
    public BusTrace? TryStartTrace(BusTraceOptions options) => _bus.TryStartTrace(options);

    /// <summary>Ends the connection, closes every channel and every device. The guest does nothing any more.</summary>
    public void Dispose()
    {
        _sockets?.End();
        _bus.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
        _sockets?.Dispose();
        _dynamicMemory.Dispose();
        _integration.Dispose();
        _network.Detach();
        _adapters.Dispose();
        _storage.Dispose();
        _link.Dispose();
        Ports.Dispose();
        Memory.Dispose();
    }
}
