using VmBus.Machine;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Providers.DynamicMemory;

namespace VmBus.Host.Joins;

/// <summary>The partition's memory as dynamic memory changes it, joined to the machine that runs now. A reset leaves what the guest started with.</summary>
internal sealed class PartitionMemory(GuestMemory memory) : IMemorySource
{
    private readonly Lock _gate = new();
    private KvmMachine? _machine;

    /// <summary>Adds memory to a new machine from now on.</summary>
    public void Connect(KvmMachine machine)
    {
        lock (_gate) _machine = machine;
    }

    /// <summary>Lets go of the machine, whose guest does not run any more, and takes back what was added to it.</summary>
    public void Disconnect()
    {
        lock (_gate)
        {
            _machine = null;
            memory.TakeAdded(memory.AddedBytes);
        }
    }

    /// <inheritdoc/>
    public long StartBytes => (long)memory.Bytes;

    /// <inheritdoc/>
    public long MaximumBytes => (long)(memory.Bytes + memory.GrowthBytes);

    /// <inheritdoc/>
    public long AddedBytes => (long)memory.AddedBytes;

    /// <inheritdoc/>
    public bool TryGetIndex(PageRun pages, out long index)
    {
        bool found = memory.TryGetFileOffset(Gpa.FromPage(pages.FirstPage), (ulong)pages.PageCount * Gpa.PageBytes, out long offset);
        index = offset / Gpa.PageBytes;
        return found;
    }

    /// <inheritdoc/>
    public PageRun PagesAt(long index, int count)
    {
        foreach (MemoryRegion region in memory.Regions)
        {
            long inRegion = index - (region.FileOffset / Gpa.PageBytes);
            long pages = (long)region.Bytes / Gpa.PageBytes;
            if (inRegion < pages) return new PageRun((region.Start.Value / Gpa.PageBytes) + (ulong)inRegion, (int)Math.Min(count, pages - inRegion));
        }

        return new PageRun((memory.GrowthStart.Value / Gpa.PageBytes) + (ulong)(index - ((long)memory.Bytes / Gpa.PageBytes)), count);
    }

    /// <inheritdoc/>
    public void Discard(PageRun pages) => Guard(() => _ = memory.TryDiscard(Gpa.FromPage(pages.FirstPage), (ulong)pages.PageCount * Gpa.PageBytes));

    /// <inheritdoc/>
    public PageRun? TryAdd(long bytes)
    {
        lock (_gate)
        {
            if (_machine is not { } machine || memory.TryAdd((ulong)bytes) is not { } region) return null;
            try
            {
                Guard(() => machine.AddMemory(region));
            }
            catch
            {
                memory.TakeAdded((ulong)bytes);
                throw;
            }

            return new PageRun(region.Start.Value / Gpa.PageBytes, (int)(bytes / Gpa.PageBytes));
        }
    }

    /// <inheritdoc/>
    public void Take(long bytes)
    {
        lock (_gate)
        {
            if (_machine is not { } machine) return;
            var start = new Gpa(memory.GrowthStart.Value + memory.AddedBytes - (ulong)bytes);
            _ = memory.TryGetHostAddress(start, (ulong)bytes, out nint address);
            Guard(() => machine.TakeMemory(new MemoryRegion(start, (ulong)bytes, 0, address)));
            memory.TakeAdded((ulong)bytes);
        }
    }

    private static void Guard(Action change)
    {
        try
        {
            change();
        }
        catch (Exception exception) when (exception is LinuxException or ObjectDisposedException)
        {
            throw new IOException(exception.Message, exception);
        }
    }
}
