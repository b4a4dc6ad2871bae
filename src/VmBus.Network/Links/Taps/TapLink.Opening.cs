using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;

namespace VmBus.Network.Links.Taps;

// How the interface is found or made.
internal sealed partial class TapLink
{
    private const string NewName = "vmbus%d";

    /// <summary>Opens the TAP that the options name, or makes one.</summary>
    /// <exception cref="LinkException">It cannot be used.</exception>
    internal static TapLink Open(NicOptions options, ILogger logger)
        => Begin(options, route => Find(options, route), (found, route, changes) => new TapLink(options, found, null, null, route, changes, logger));

    /// <summary>Opens the TAP that the options name, or makes one, with all its queues for whoever gets the descriptors.</summary>
    /// <exception cref="LinkException">It cannot be used.</exception>
    internal static LinkDescriptors OpenDescriptors(NicOptions options, int queues)
    {
        using RouteSocket route = OpenRoute(options, RouteSocket.Open);
        Found found = Find(options, route, forOthers: true);
        List<LinuxFile> files = [];
        try
        {
            int count = found.Multiple ? Math.Min(Math.Min(options.Queues ?? DefaultQueues, queues), LinkDescriptors.MaximumCount - 1) : 0;
            for (int i = 0; i < count; i++) files.Add(OpenDetached(options, found.Interface.Name));
            return new LinkDescriptors(options, [new LinuxFile(found.Anchor.Release()), .. files]);
        }
        catch
        {
            foreach (LinuxFile file in files) file.Dispose();
            found.Bridge?.Leave();
            found.Anchor.Dispose();
            throw;
        }
    }

    /// <summary>Uses a TAP whose queues another process has opened.</summary>
    /// <param name="open">They, taken over: the first one is never attached, where there are several.</param>
    /// <param name="lost">Called when the interface has gone and is there again, or cannot be joined to its bridge again.</param>
    /// <param name="logger">For what happens to the link later.</param>
    /// <exception cref="LinkException">The interface has gone meanwhile.</exception>
    internal static TapLink Use(LinkDescriptors open, Action lost, ILogger logger)
    {
        Queue<TapDevice> queues = new(open.Files.Select(TapDevice.Take));
        try
        {
            return Begin(
                open.Options, route => Take(open.Options, queues.Dequeue(), route), (found, route, changes) => new TapLink(open.Options, found, queues, lost, route, changes, logger));
        }
        catch
        {
            foreach (TapDevice queue in queues) queue.Dispose();
            throw;
        }
    }

    private static TapLink Begin(NicOptions options, Func<RouteSocket, Found> find, Func<Found, RouteSocket, RouteSocket, TapLink> make)
    {
        RouteSocket? route = null, changes = null;
        Found? found = null;
        try
        {
            // Open before the interface is looked at, so that no change is missed.
            changes = OpenRoute(options, RouteSocket.OpenForChanges);
            route = OpenRoute(options, RouteSocket.Open);
            found = find(route);
            return make(found, route, changes);
        }
        catch
        {
            found?.Bridge?.Leave();
            found?.Anchor.Dispose();
            route?.Dispose();
            changes?.Dispose();
            throw;
        }
    }

    private static RouteSocket OpenRoute(NicOptions options, Func<RouteSocket> open)
    {
        try
        {
            return open();
        }
        catch (LinuxException refused)
        {
            throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}' cannot be watched: {refused.Message}");
        }
    }

    private static LinuxFile OpenDetached(NicOptions options, string name)
    {
        TapDevice queue = TapDevice.TryOpen(name, multipleQueues: true, out int errno) ?? throw Refused(options, name, errno, exists: true);
        try
        {
            Must(options, "detaching a queue", queue.Detach());
            return new LinuxFile(queue.Release());
        }
        catch
        {
            queue.Dispose();
            throw;
        }
    }

    // The queue is detached already where there are several.
    private static Found Take(NicOptions options, TapDevice device, RouteSocket route)
    {
        if (!device.TryGetName(out string name))
        {
            device.Dispose();
            throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}': the TAP went while it was given; try again.");
        }

        BridgePort? bridge = options.Kind == LinkKind.Bridge ? BridgePort.Joined(options.Target, route) : null;
        return Ready(options, device, name, device.HasMultipleQueues, bridge, route, detach: false);
    }

    private static Found Find(NicOptions options, RouteSocket route, bool forOthers = false)
    {
        if (options.Kind == LinkKind.Tap)
            return route.Find(options.Target) is { } there ? Existing(options, there, route) : Made(options, options.Target, null, 0, route, forOthers);
        BridgePort bridge = BridgePort.Find(options.Target, route, out int mtu);
        return Made(options, NewName, bridge, mtu, route, forOthers);
    }

    private static Found Existing(NicOptions options, NetworkInterface there, RouteSocket route)
    {
        if (there.Kind != "tun") throw NotATap(options.Target);
        bool multiple = true;
        TapDevice? device = TapDevice.TryOpen(there.Name, multipleQueues: true, out int errno);
        if (errno == Errno.EINVAL)
        {
            // Made without multi_queue, or not a TAP but a TUN.
            multiple = false;
            device = TapDevice.TryOpen(there.Name, multipleQueues: false, out errno);
        }

        if (device is null) throw Refused(options, there.Name, errno, exists: true);
        return Ready(options, device, there.Name, multiple, null, route);
    }

    private static Found Made(NicOptions options, string name, BridgePort? bridge, int mtu, RouteSocket route, bool forOthers)
    {
        TapDevice device = TapDevice.TryOpen(name, multipleQueues: true, out int errno) ?? throw Refused(options, name, errno, exists: false);
        if (!device.TryGetName(out name))
        {
            device.Dispose();
            throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}': the TAP went while it was made; try again.");
        }

        Found found = Ready(options, device, name, multiple: true, bridge, route);
        try
        {
            int index = found.Interface.Index;
            if (mtu != 0) Must(options, "setting the MTU", route.SetMtu(index, mtu));
            if (bridge?.Join(found.Interface, route, forOthers) is { } problem)
                throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}': '{name}' cannot be joined to the bridge: {problem}.");
            Must(options, "bringing the TAP up", route.BringUp(index));
            return found with { Interface = route.Find(name) ?? found.Interface };
        }
        catch
        {
            bridge?.Leave();
            device.Dispose();
            throw;
        }
    }

    // Nothing passes to the guest before the adapter says what it wants.
    private static Found Ready(NicOptions options, TapDevice device, string name, bool multiple, BridgePort? bridge, RouteSocket route, bool detach = true)
    {
        try
        {
            bool udp = device.SetOffloads(TapOffloads.Checksum | TapOffloads.Udp) == 0;
            Must(options, "setting offloads", device.SetOffloads(TapOffloads.None));
            Must(options, "setting the filter", device.SetFilter(TapFilter.Write(new FrameFilter(default, FrameKinds.None))));
            if (multiple && detach) Must(options, "detaching a queue", device.Detach());
            NetworkInterface state = route.Find(name)
                ?? throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}': the TAP went while it was opened; try again.");
            using var scratch = new BounceBuffer(1);
            bool knowsNow = LinuxFile.Read(device, scratch.Vector(1), 1, -1, LinuxFile.NoWait) != -Errno.EOPNOTSUPP;
            return new Found(device, state, multiple, udp, knowsNow, bridge);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static void Must(NicOptions options, string operation, int result)
    {
        if (result < 0)
            throw new LinkException(LinkProblem.Host, $"Network link '{options.Name}': {operation} failed: {LinuxException.DescribeError(-result)}.");
    }

    private static LinkException NotATap(string name) =>
        new(LinkProblem.WrongKind, $"'{name}' is no TAP interface; name a TAP, or one that does not exist yet, or use bridge=NAME.");

    private static LinkException Refused(NicOptions options, string name, int errno, bool exists) => errno switch
    {
        Errno.ENOENT or Errno.ENODEV => new(
            LinkProblem.MissingTool, $"Network link '{options.Name}' needs /dev/net/tun, which this host does not have; load it with 'modprobe tun'."),
        Errno.EPERM or Errno.EACCES when exists => new(
            LinkProblem.NoPermission,
            $"TAP '{name}' belongs to another user; make it yours (ip tuntap add {name} mode tap multi_queue user $USER) or run as root."),
        Errno.EPERM or Errno.EACCES => new(
            LinkProblem.NoPermission,
            $"Network link '{options.Name}': making a TAP needs root (CAP_NET_ADMIN); have one made for you (ip tuntap add NAME mode tap multi_queue user $USER) "
            + "and use tap=NAME, or use 'user'."),
        Errno.EBUSY => new(LinkProblem.Busy, $"TAP '{name}' is in use by another process; stop that one first, or make another with multi_queue."),
        Errno.EINVAL when exists => NotATap(name),
        _ => new(LinkProblem.Host, $"Network link '{options.Name}' cannot be opened: {LinuxException.DescribeError(errno)}."),
    };

    /// <summary>An interface that is ready for use.</summary>
    private sealed record Found(TapDevice Anchor, NetworkInterface Interface, bool Multiple, bool Udp, bool KnowsNow, BridgePort? Bridge);
}
