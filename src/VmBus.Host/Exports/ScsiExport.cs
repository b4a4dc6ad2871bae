using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Scsi;
using VmBus.Virtio.VhostUser;

namespace VmBus.Host.Exports;

/// <summary>Disks served to other virtual machine monitors as the logical units of one SCSI target (vhost-user-scsi).</summary>
/// <remarks>Any thread.</remarks>
public sealed class ScsiExport : IDisposable
{
    /// <summary>Most disks: one for each logical unit number.</summary>
    public const int MaximumDisks = 256;

    private readonly List<Lane> _lanes;
    private readonly ScsiTarget _target = new();
    private readonly List<IDisk> _disks = [];
    private VhostUserServer? _server;

    private ScsiExport(ExportOptions options, ILogger logger) => _lanes = ExportLanes.Start(options, logger);

    /// <summary>Opens the disks, which get their numbers in the order given, and listens. One front-end at a time.</summary>
    /// <exception cref="IOException">A disk or the socket cannot be used; the message says which, why and what to do.</exception>
    public static ScsiExport Start(ExportOptions options, IReadOnlyList<DiskOptions> disks, string socket, ILogger logger)
    {
        var export = new ScsiExport(options, logger);
        try
        {
            foreach (DiskOptions disk in disks) export.Add(disk, logger);
            // The same socket is the same initiator again, so that reservations outlive a front-end's restart.
            Span<byte> name = stackalloc byte[16];
            StableIds.Create("initiator", Path.GetFullPath(socket)).TryWriteBytes(name);
            ulong initiator = BinaryPrimitives.ReadUInt64LittleEndian(name);
            export._server = VhostUserServer.Listen(
                socket, () => new ScsiHost(export._target, "scsi", initiator, options.Queues), export._lanes, maximumFrontEnds: 1, logger);
            return export;
        }
        catch
        {
            export.Dispose();
            throw;
        }
    }

    /// <summary>Looks at the disks' sizes again; the driver is told of those that have changed.</summary>
    public void RefreshSizes() => _target.RefreshGeometry();

    /// <summary>Stops listening, ends the session with nothing under way, and closes the disks.</summary>
    public void Dispose()
    {
        _server?.Dispose();
        foreach (IDisk disk in _disks) disk.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
    }

    private void Add(DiskOptions options, ILogger logger)
    {
        if (_disks.Count == MaximumDisks) throw new IOException($"There are more than {MaximumDisks} disks: give the others a socket of another 'vmbus export scsi'.");
        IDisk disk = DiskFactory.Open(options, logger);
        byte lun = (byte)_disks.Count;
        _disks.Add(disk);
        // The same image has the same identity again, so that guests find their disks by it.
        Guid identity = StableIds.Create("disk", Path.GetFullPath(options.Path));
        ScsiUnitKind kind = disk.Geometry.LogicalSectorBytes == 2048 ? ScsiUnitKind.Dvd : ScsiUnitKind.Disk;
        _target.Add(new ScsiAddress(0, 0, lun), disk, new ScsiIdentity(kind, options.Id ?? identity.ToString("N"), identity));
    }
}
