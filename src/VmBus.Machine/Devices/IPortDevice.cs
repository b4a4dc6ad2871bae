namespace VmBus.Machine.Devices;

/// <summary>A device behind x86 I/O ports.</summary>
/// <remarks>
/// Called on vCPU threads, possibly several at once: a device guards its own state, answers any value at any port and width without throwing,
/// and does not block. An access that starts inside <see cref="Range"/> goes to the device whole, even where it ends beyond it.
/// </remarks>
public interface IPortDevice
{
    /// <summary>The ports the device answers. Fixed for the device's life.</summary>
    PortRange Range { get; }

    /// <summary>The guest reads <paramref name="bytes"/> (1, 2 or 4) from <paramref name="port"/>, the absolute number.</summary>
    /// <returns>The value, little-endian in the low bytes; higher bytes are ignored.</returns>
    uint Read(ushort port, int bytes);

    /// <summary>The guest writes the low <paramref name="bytes"/> (1, 2 or 4) of <paramref name="value"/> to <paramref name="port"/>.</summary>
    void Write(ushort port, int bytes, uint value);
}
