using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Sockets;
using VmBus.Virtio.Sockets;
using VmBus.Virtio.VhostUser;

namespace VmBus.Host.Exports;

/// <summary>Sockets between programs of the host and a guest of another virtual machine monitor (vhost-user-vsock).</summary>
/// <remarks>Any thread.</remarks>
public sealed class SocketExport : IDisposable
{
    private readonly List<Lane> _lanes;
    private readonly HostSockets _host;
    private VhostUserServer? _server;
    private volatile VsockDevice? _device;

    private SocketExport(ExportOptions options, HostSockets host, ILogger logger)
    {
        _lanes = ExportLanes.Start(options, logger);
        _host = host;
    }

    /// <summary>Listens for a front-end, one at a time, and for programs of the host, which are turned away while there is none.</summary>
    /// <param name="options">How it is served.</param>
    /// <param name="sockets">Where programs meet the guest, and its context id.</param>
    /// <param name="socket">Where the front-end finds the device.</param>
    /// <param name="logger">For what happens.</param>
    /// <exception cref="IOException">A socket cannot be used; the message says which, why and what to do.</exception>
    public static SocketExport Start(ExportOptions options, SocketOptions sockets, string socket, ILogger logger)
    {
        var export = new SocketExport(options, HostSockets.Listen(sockets.Path), logger);
        try
        {
            export._server = VhostUserServer.Listen(
                socket, () => export._device = new VsockDevice(export._host, sockets.Cid, logger), export._lanes, maximumFrontEnds: 1, logger);
            export._host.Start(export._lanes[0], export.Connect);
            return export;
        }
        catch
        {
            export.Dispose();
            throw;
        }
    }

    /// <summary>Stops listening and ends every connection.</summary>
    public void Dispose()
    {
        _host.End();
        _server?.Dispose();
        _host.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
    }

    private void Connect(LinuxFile program, ConnectRequest request)
    {
        if (_device is { } device) device.Connect(program, request);
        else program.Dispose();
    }
}
