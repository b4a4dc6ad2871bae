using Microsoft.Extensions.Logging;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Storage.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.VhostUser;

namespace VmBus.Host.Exports;

/// <summary>Disks served to other virtual machine monitors, each on a socket of its own (vhost-user-blk).</summary>
/// <remarks>Any thread.</remarks>
public sealed class BlockExport : IDisposable
{
    // More than one writer of a disk would destroy its file system; readers do each other no harm.
    private const int Readers = 64;

    private readonly List<Lane> _lanes;
    private readonly List<(IDisk Disk, VhostUserServer Server)> _exports = [];

    private BlockExport(ExportOptions options, ILogger logger) => _lanes = ExportLanes.Start(options, logger);

    /// <summary>Opens the disks and listens.</summary>
    /// <exception cref="IOException">A disk or a socket cannot be used; the message says which, why and what to do.</exception>
    public static BlockExport Start(ExportOptions options, IReadOnlyList<(DiskOptions Disk, string Socket)> disks, ILogger logger)
    {
        var export = new BlockExport(options, logger);
        try
        {
            foreach ((DiskOptions disk, string socket) in disks) export.Add(options, disk, socket, logger);
            return export;
        }
        catch
        {
            export.Dispose();
            throw;
        }
    }

    /// <summary>Looks at the disks' sizes again, and tells the front-ends of those that have grown.</summary>
    public void RefreshSizes()
    {
        foreach ((IDisk disk, VhostUserServer server) in _exports)
        {
            if (disk.RefreshGeometry()) server.TellConfigChanged();
        }
    }

    /// <summary>Stops listening, ends every session with nothing under way, and closes the disks.</summary>
    public void Dispose()
    {
        foreach ((IDisk disk, VhostUserServer server) in _exports)
        {
            server.Dispose();
            disk.Dispose();
        }

        foreach (Lane lane in _lanes) lane.Dispose();
    }

    private void Add(ExportOptions options, DiskOptions description, string socket, ILogger logger)
    {
        IDisk disk = DiskFactory.Open(description, logger);
        try
        {
            // The same image has the same number again, so that guests find their disks by it.
            string serial = description.Id ?? StableIds.Create("disk", Path.GetFullPath(description.Path)).ToString("N");
            _exports.Add((disk, VhostUserServer.Listen(
                socket, () => new BlockDevice(disk, serial, options.Queues), _lanes, disk.Traits.ReadOnly ? Readers : 1, logger)));
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }
}
