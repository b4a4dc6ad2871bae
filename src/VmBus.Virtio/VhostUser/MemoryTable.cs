using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;

namespace VmBus.Virtio.VhostUser;

/// <summary>The memory that a front-end shares: regions of its files, known by guest addresses and by its own.</summary>
/// <remarks>
/// Any thread may look things up; the session's thread changes it. A region is removed only when no queue uses it.
/// </remarks>
internal sealed class MemoryTable : IDeviceMemory, IDisposable
{
    /// <summary>Most regions: one for each DIMM of the largest virtual machine, or buffer of a client that shares each by itself.</summary>
    public const int MaximumRegions = 256;

    private const ulong PageMask = 4095;

    private volatile Region[] _regions = [];

    // Where the last look-up succeeded: requests of a driver are mostly in one region.
    private int _last;

    /// <inheritdoc/>
    public ulong FindRun(Gpa start, ulong bytes, out nint address)
    {
        Region[] regions = _regions;
        int last = _last;
        if (last < regions.Length && regions[last].Find(start.Value - regions[last].Guest, bytes, out address) is > 0 and var run) return run;
        for (int i = 0; i < regions.Length; i++)
        {
            ulong found = regions[i].Find(start.Value - regions[i].Guest, bytes, out address);
            if (found == 0) continue;
            _last = i;
            return found;
        }

        address = 0;
        return 0;
    }

    /// <summary>Finds a part of a queue, which the front-end names by an address of its own, and where the guest has it.</summary>
    /// <returns>False when it is not memory in one piece, or not aligned.</returns>
    public bool TryFindUser(ulong user, int bytes, int alignment, out QueueArea area, out Gpa guest)
    {
        foreach (Region region in _regions)
        {
            if (region.Find(user - region.User, (ulong)bytes, out nint address) != (ulong)bytes) continue;
            guest = new Gpa(region.Guest + (user - region.User));
            area = new QueueArea(address, bytes);
            return address % alignment == 0;
        }

        area = default;
        guest = default;
        return false;
    }

    /// <summary>Adds a region; the file is this object's to close.</summary>
    /// <returns>Whether the front-end can shorten the file, and so end this process.</returns>
    /// <exception cref="FrontEndException">It cannot be mapped, or is where another is.</exception>
    public bool Add(in VhostUserRegion description, int descriptor)
    {
        using MemoryFile? file = MemoryFile.TryTake(descriptor);
        if (file is null) throw new FrontEndException("a memory region's file has no size");
        VhostUserRegion wanted = description;
        if (_regions.Length >= MaximumRegions) throw new FrontEndException($"there are more than {MaximumRegions} memory regions");
        if (wanted.FileOffset + wanted.Bytes > (ulong)file.Bytes)
            throw new FrontEndException($"a memory region of {wanted.Bytes} bytes from {wanted.FileOffset} passes the end of its file of {file.Bytes}");
        if (Array.Exists(_regions, region => region.Overlaps(wanted)))
            throw new FrontEndException($"a memory region at 0x{wanted.GuestAddress:x} lies over another");
        ulong skipped = wanted.FileOffset & PageMask;
        try
        {
            // Not over a reservation: pages of a huge page file need an address of the kernel's choice.
            MemoryMapping mapping = MemoryMapping.MapDevice(file, (long)(wanted.FileOffset - skipped), (long)(wanted.Bytes + skipped));
            _regions = [.. _regions, new Region(wanted, mapping, (nint)skipped)];
            return file.MayShrink;
        }
        catch (LinuxException failure)
        {
            throw new FrontEndException($"a memory region cannot be mapped: {failure.Message}");
        }
    }

    /// <summary>Removes a region. No queue runs.</summary>
    /// <exception cref="FrontEndException">There is no such region.</exception>
    public void Remove(in VhostUserRegion description)
    {
        VhostUserRegion wanted = description;
        Region region = Array.Find(_regions, region => region.Is(wanted))
            ?? throw new FrontEndException($"a memory region at 0x{wanted.GuestAddress:x} that is to be removed does not exist");
        _regions = [.. _regions.Where(other => other != region)];
        region.Mapping.Dispose();
    }

    /// <summary>Removes every region. No queue runs.</summary>
    public void Clear()
    {
        Region[] regions = _regions;
        _regions = [];
        foreach (Region region in regions) region.Mapping.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private sealed class Region(VhostUserRegion description, MemoryMapping mapping, nint skipped)
    {
        public ulong Guest => description.GuestAddress;

        public ulong User => description.UserAddress;

        public MemoryMapping Mapping => mapping;

        /// <summary>How many of the bytes from an offset on, which wraps for addresses before the region, are here.</summary>
        public ulong Find(ulong offset, ulong bytes, out nint address)
        {
            address = mapping.Address + skipped + (nint)offset;
            return offset < description.Bytes ? Math.Min(bytes, description.Bytes - offset) : 0;
        }

        public bool Is(in VhostUserRegion other)
            => description.GuestAddress == other.GuestAddress && description.Bytes == other.Bytes && description.UserAddress == other.UserAddress;

        public bool Overlaps(in VhostUserRegion other)
            => Overlaps(description.GuestAddress, description.Bytes, other.GuestAddress, other.Bytes)
                || Overlaps(description.UserAddress, description.Bytes, other.UserAddress, other.Bytes);

        private static bool Overlaps(ulong start, ulong bytes, ulong otherStart, ulong otherBytes)
            => start < otherStart + otherBytes && otherStart < start + bytes;
    }
}
