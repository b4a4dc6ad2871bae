using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Nbd;

namespace VmBus.Storage.Disks;

/// <summary>An image of a format that QEMU reads, served by <c>qemu-nbd</c>, a child of ours or of whoever has opened the image for us.</summary>
/// <remarks>
/// When the child is gone, what is in flight and everything later answers EIO, and the loss is logged once. The child holds the image's
/// lock. An image that was enlarged is seen at its full size when it is opened again.
/// </remarks>
public sealed class QemuNbdDisk : IDisk
{
    private const int DefaultSectorBytes = 512;

    // qcow2's default cluster is 64 KiB, but it frees 4 KiB pieces of the host file where it can; the guest need not know.
    private const int DiscardUnit = 4096;
    private const int PhysicalSectorBytes = 4096;

    private readonly QemuNbdServer _server;

    private QemuNbdDisk(string name, QemuNbdServer server, DiskGeometry geometry, DiskTraits traits)
    {
        Name = name;
        _server = server;
        Geometry = geometry;
        Traits = traits;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DiskGeometry Geometry { get; }

    /// <inheritdoc/>
    public DiskTraits Traits { get; }

    /// <summary>The child's process id.</summary>
    public int ServerProcessId => _server.ProcessId;

    /// <summary>Starts the child and opens the image.</summary>
    /// <exception cref="DiskException">A tool is missing, or the image cannot be used.</exception>
    public static QemuNbdDisk Open(DiskOptions options, ILogger logger) => Open(options, QemuNbdServer.Start(options, logger));

    /// <summary>Uses an image that a child of another process serves, and takes over what is open of it.</summary>
    /// <exception cref="DiskException">The library is missing, or the image cannot be used.</exception>
    internal static QemuNbdDisk Use(DiskDescriptors open, ILogger logger) => Open(open.Options, QemuNbdServer.Use(open, logger));

    private static QemuNbdDisk Open(DiskOptions options, QemuNbdServer server)
    {
        try
        {
            NbdExport export = server.Export;
            int sector = options.SectorBytes == 0 ? DefaultSectorBytes : options.SectorBytes;
            if (export.Bytes < sector || export.Bytes % sector != 0)
            {
                throw new DiskException(
                    DiskProblem.BadSize,
                    $"Disk '{options.Path}' has {export.Bytes} bytes, which is not a positive multiple of its {sector}-byte sector; "
                    + "enlarge it with qemu-img resize.");
            }

            bool readOnly = options.ReadOnly || export.ReadOnly;
            return new QemuNbdDisk(
                options.Path,
                server,
                new DiskGeometry(export.Bytes, sector, PhysicalSectorBytes),
                new DiskTraits(
                    readOnly,
                    WriteCache: export.CanFlush && !readOnly,
                    DiscardGranularityBytes: export.CanTrim && !readOnly ? DiscardUnit : 0,
                    MaximumTransferBytes: 0,
                    Rotational: false));
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IDiskQueue OpenQueue(Lane lane) => new NbdDiskQueue(_server, Traits, lane);

    /// <inheritdoc/>
    public bool SizeMayChange => false;

    /// <inheritdoc/>
    public bool RefreshGeometry() => false;

    /// <inheritdoc/>
    public void Grow(long bytes) => throw new DiskException(
        DiskProblem.FixedSize,
        $"Disk '{Name}' keeps the size it was opened with, as qemu-nbd serves it: remove it, enlarge it with qemu-img resize, and add it again.");

    /// <summary>Ends the child, which writes back what it holds.</summary>
    public void Dispose() => _server.Dispose();
}
