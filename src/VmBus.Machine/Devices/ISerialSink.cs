namespace VmBus.Machine.Devices;

/// <summary>Where the bytes that the guest sends over a serial port go.</summary>
public interface ISerialSink
{
    /// <summary>Takes all of <paramref name="bytes"/>, at least one, in the guest's order. May block: the guest is held back, not stopped.</summary>
    /// <remarks>Called on the port's own thread, never by two at once.</remarks>
    /// <exception cref="IOException">The sink is gone; what the guest sends from now on is dropped.</exception>
    void Write(ReadOnlySpan<byte> bytes);
}
