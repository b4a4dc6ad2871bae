namespace VmBus.Machine.Devices;

/// <summary>A run of x86 I/O ports.</summary>
/// <param name="First">The first port.</param>
/// <param name="Count">How many ports, at least 1; <paramref name="First"/> + count is at most 65536.</param>
public readonly record struct PortRange(ushort First, int Count)
{
    /// <summary>The last port.</summary>
    public int Last => First + Count - 1;

    /// <summary>Whether <paramref name="port"/> lies in the range.</summary>
    public bool Contains(ushort port) => port >= First && port <= Last;

    /// <summary>Whether both ranges have a port in common.</summary>
    public bool Overlaps(PortRange other) => First <= other.Last && other.First <= Last;
}
