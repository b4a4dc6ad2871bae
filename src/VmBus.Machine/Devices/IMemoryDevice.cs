namespace VmBus.Machine.Devices;

/// <summary>A device behind guest physical addresses that are no RAM.</summary>
/// <remarks>
/// Called on vCPU threads, possibly several at once: a device guards its own state and answers any access of 1 to 8 bytes without throwing. An
/// access that starts inside the range goes to the device whole, even where it ends beyond it.
/// </remarks>
public interface IMemoryDevice
{
    /// <summary>The first address. Fixed for the device's life.</summary>
    ulong Start { get; }

    /// <summary>How many bytes from there.</summary>
    ulong Bytes { get; }

    /// <summary>The guest reads.</summary>
    /// <param name="offset">From <see cref="Start"/>.</param>
    /// <param name="data">Gets the bytes.</param>
    void Read(ulong offset, Span<byte> data);

    /// <summary>The guest writes.</summary>
    /// <param name="offset">From <see cref="Start"/>.</param>
    /// <param name="data">The bytes.</param>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}
