namespace VmBus.Memory.Guest;

/// <summary>The memory that a guest's driver shares with a device, addressed as the driver addresses it.</summary>
/// <remarks>
/// Guest bytes are hostile and change at any time: readers copy once and use the copy. Addresses stay valid for as long as whoever gave the
/// device its memory says. Any thread.
/// </remarks>
public interface IDeviceMemory
{
    /// <summary>Finds where an address lies in this process, and how much of a range lies there in one piece.</summary>
    /// <param name="start">Where the range begins.</param>
    /// <param name="bytes">Its length, above 0.</param>
    /// <param name="address">The address in this process; handed to the kernel or copied from, never parsed in place.</param>
    /// <returns>How many of the bytes lie there, at least 1; 0 when the first byte is no memory.</returns>
    ulong FindRun(Gpa start, ulong bytes, out nint address);
}
