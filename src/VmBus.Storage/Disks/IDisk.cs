using VmBus.Lanes;

namespace VmBus.Storage.Disks;

/// <summary>A virtual disk's medium: bytes at offsets. Knows nothing of SCSI, VMBus or virtio.</summary>
/// <remarks>Members may be called from any thread; the I/O itself goes through one <see cref="IDiskQueue"/> per lane.</remarks>
public interface IDisk : IDisposable
{
    /// <summary>A name for people: the path, or the URI.</summary>
    string Name { get; }

    /// <summary>Size and sector sizes now. The size grows when the image grows.</summary>
    DiskGeometry Geometry { get; }

    /// <summary>What the disk can do.</summary>
    DiskTraits Traits { get; }

    /// <summary>Opens a way to this disk for the I/O of one lane. Called on that lane's thread.</summary>
    IDiskQueue OpenQueue(Lane lane);

    /// <summary>Whether <see cref="RefreshGeometry"/> can find another size while the disk is open.</summary>
    bool SizeMayChange { get; }

    /// <summary>Looks at the medium's size again.</summary>
    /// <returns>True when <see cref="Geometry"/> changed.</returns>
    bool RefreshGeometry();

    /// <summary>Makes the medium larger, with zeroes; <see cref="RefreshGeometry"/> finds it. May block.</summary>
    /// <param name="bytes">The new size; never less than the medium has.</param>
    /// <exception cref="DiskException">The medium cannot have this size; the message says why and what to do.</exception>
    void Grow(long bytes);
}
