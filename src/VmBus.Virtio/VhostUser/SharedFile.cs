using VmBus.Memory.Queues;
using VmBus.Native.Linux;

namespace VmBus.Virtio.VhostUser;

/// <summary>A file that front-end and back-end both have mapped.</summary>
internal sealed class SharedFile : IDisposable
{
    private const ulong PageMask = 4095;

    private readonly MemoryFile _file;
    private readonly MemoryMapping _mapping;
    private readonly QueueArea _area;

    private SharedFile(MemoryFile file, MemoryMapping mapping, QueueArea area)
    {
        _file = file;
        _mapping = mapping;
        _area = area;
    }

    /// <summary>All of it.</summary>
    public QueueArea Whole => _area;

    /// <summary>Whether the front-end can shorten the file, and so end this process.</summary>
    public bool MayShrink => _file.MayShrink;

    /// <summary>Maps part of a file that the front-end has sent; the descriptor is this object's.</summary>
    /// <exception cref="FrontEndException">The file is shorter, or the part is larger than allowed or not aligned.</exception>
    public static SharedFile Open(int descriptor, ulong offset, ulong bytes, ulong maximumBytes, string what)
    {
        MemoryFile file = MemoryFile.TryTake(descriptor) ?? throw new FrontEndException($"{what} comes in a file without a size");
        if (offset % sizeof(ulong) != 0)
        {
            file.Dispose();
            throw new FrontEndException($"{what} begins at {offset} of its file, which is no multiple of {sizeof(ulong)}");
        }

        if (bytes != 0 && bytes <= maximumBytes && bytes <= (ulong)file.Bytes && offset <= (ulong)file.Bytes - bytes) return Map(file, (long)offset, (int)bytes);
        long has = file.Bytes;
        file.Dispose();
        throw new FrontEndException($"{what} of {bytes} bytes at {offset} is longer than {maximumBytes} or its file of {has}");
    }

    /// <summary>Maps part of a file, which is this object's from here on.</summary>
    /// <exception cref="FrontEndException">It cannot be mapped.</exception>
    public static SharedFile Map(MemoryFile file, long offset, int bytes)
    {
        long skipped = offset & (long)PageMask;
        try
        {
            MemoryMapping mapping = MemoryMapping.MapDevice(file, offset - skipped, bytes + skipped);
            return new SharedFile(file, mapping, new QueueArea(mapping.Address + (nint)skipped, bytes));
        }
        catch (LinuxException failure)
        {
            file.Dispose();
            throw new FrontEndException(failure.Message);
        }
    }

    /// <summary>A part of it, which is inside.</summary>
    public QueueArea Area(int offset, int bytes) => _area.Slice(offset, bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        _file.Dispose();
    }
}
