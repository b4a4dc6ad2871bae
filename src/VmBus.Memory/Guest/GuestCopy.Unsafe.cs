namespace VmBus.Memory.Guest;

/// <summary>Copies between a device's memory and the host's.</summary>
public static unsafe class GuestCopy
{
    /// <summary>Guest bytes to be written in place; empty when they are no memory, or not in one piece of the host's.</summary>
    public static Span<byte> FindWhole(IDeviceMemory memory, Gpa start, int bytes)
        // SAFETY: the memory has promised as many bytes there.
        => memory.FindRun(start, (ulong)bytes, out nint address) == (ulong)bytes ? new Span<byte>((void*)address, bytes) : default;

    /// <summary>Copies guest bytes out. False when a byte is no memory; then some may have been copied.</summary>
    public static bool TryRead(IDeviceMemory memory, Gpa start, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int run = (int)memory.FindRun(start, (ulong)destination.Length, out nint address);
            if (run == 0) return false;
            // SAFETY: the memory has promised as many bytes there.
            new ReadOnlySpan<byte>((void*)address, run).CopyTo(destination);
            destination = destination[run..];
            start += (ulong)run;
        }

        return true;
    }

    /// <summary>Copies bytes into the guest. False when a byte is no memory; then some may have been copied.</summary>
    public static bool TryWrite(IDeviceMemory memory, Gpa start, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int run = (int)memory.FindRun(start, (ulong)source.Length, out nint address);
            if (run == 0) return false;
            // SAFETY: the memory has promised as many bytes there.
            source[..run].CopyTo(new Span<byte>((void*)address, run));
            source = source[run..];
            start += (ulong)run;
        }

        return true;
    }
}
