using Microsoft.Extensions.Logging;
using VmBus.Host.Devices;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Virtio.Network;
using VmBus.Virtio.VhostUser;

namespace VmBus.Host.Exports;

/// <summary>Links served to other virtual machine monitors, each on a socket of its own (vhost-user-net).</summary>
/// <remarks>Any thread.</remarks>
public sealed class NetworkExport : IDisposable
{
    private readonly List<Lane> _lanes;
    private readonly List<(ILink Link, VhostUserServer Server)> _exports = [];

    private NetworkExport(ExportOptions options, ILogger logger) => _lanes = ExportLanes.Start(options, logger);

    /// <summary>Opens the links and listens.</summary>
    /// <exception cref="IOException">A link or a socket cannot be used; the message says which, why and what to do.</exception>
    public static NetworkExport Start(ExportOptions options, IReadOnlyList<(NicOptions Nic, string Socket)> nics, ILogger logger)
    {
        var export = new NetworkExport(options, logger);
        try
        {
            foreach ((NicOptions nic, string socket) in nics) export.Add(options, nic, socket, logger);
            return export;
        }
        catch
        {
            export.Dispose();
            throw;
        }
    }

    /// <summary>Stops listening, ends every session with nothing under way, and closes the links.</summary>
    public void Dispose()
    {
        foreach ((ILink link, VhostUserServer server) in _exports)
        {
            server.Dispose();
            link.Dispose();
        }

        foreach (Lane lane in _lanes) lane.Dispose();
    }

    private void Add(ExportOptions options, NicOptions description, string socket, ILogger logger)
    {
        ILink link = Links.Open(description, options.Queues, HostDevices.Instance, logger);
        try
        {
            // The same socket has the same address again, so that guests keep theirs.
            MacAddress address = description.Address ?? NetworkAdapter.AddressOf(Path.GetFullPath(socket));
            int pairs = Math.Min(options.Queues, description.Queues ?? options.Queues);
            _exports.Add((link, VhostUserServer.Listen(socket, () => new NetDevice(link, address, pairs), _lanes, 1, logger)));
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }
}
