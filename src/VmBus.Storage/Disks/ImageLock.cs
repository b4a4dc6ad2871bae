using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>Keeps two writers off one image, in the way QEMU does, so that both see each other.</summary>
/// <remarks>
/// Byte 100+n locked: its holder uses permission n. Byte 200+n locked: its holder does not let others use permission n. All locks are
/// shared; a conflict is another's lock on the opposite byte. Permission 0 is reading consistent data, 1 is writing. The lock belongs to
/// the open file. Source: QEMU docs/system/images.rst ("Disk image file locking"); the byte numbers are what qemu-img of QEMU 7.2 takes.
/// </remarks>
internal static class ImageLock
{
    private const long UsedBase = 100;
    private const long DeniedBase = 200;
    private const int ReadPermission = 0;
    private const int WritePermission = 1;

    /// <summary>Announces our use and looks for conflicting ones. Nobody may write beside us, reader or writer.</summary>
    /// <returns>0; -EAGAIN when another uses the image in conflict; other negative errno where the file system has no such locks.</returns>
    internal static int TryAcquire(SafeHandle file, bool write)
    {
        // Announce first, look second: of two that come at once at least one sees the other.
        int result = FileLock.TryShare(file, UsedBase + ReadPermission);
        if (result == 0 && write) result = FileLock.TryShare(file, UsedBase + WritePermission);
        if (result == 0) result = FileLock.TryShare(file, DeniedBase + WritePermission);
        if (result == 0) result = Check(file, DeniedBase + ReadPermission);
        if (result == 0 && write) result = Check(file, DeniedBase + WritePermission);
        return result == 0 ? Check(file, UsedBase + WritePermission) : result;
    }

    private static int Check(SafeHandle file, long position) => FileLock.IsHeldElsewhere(file, position) switch
    {
        0 => 0,
        1 => -Errno.EAGAIN,
        int errno => errno,
    };
}
