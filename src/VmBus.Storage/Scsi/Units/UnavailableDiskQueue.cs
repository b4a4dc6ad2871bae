using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;

namespace VmBus.Storage.Scsi.Units;

/// <summary>Stands in where a disk could not open a queue for a lane: the unit is there, its medium is not ready.</summary>
internal sealed class UnavailableDiskQueue : IDiskQueue
{
    public int Read(IoVectorList data, long offset, IIoCompletion completion, int tag) => -Errno.ENODEV;

    public int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag) => -Errno.ENODEV;

    public int Flush(IIoCompletion completion, int tag) => -Errno.ENODEV;

    public int Discard(long offset, long bytes, IIoCompletion completion, int tag) => -Errno.ENODEV;

    public int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag) => -Errno.ENODEV;

    public void Dispose()
    {
    }
}
