namespace VmBus.Machine.Devices;

/// <summary>Ports that swallow writes: the POST code display and the delay ports that kernels write to in order to waste a microsecond.</summary>
/// <remarks>They read as zero. Any thread.</remarks>
public sealed class IgnoredPorts : IPortDevice
{
    /// <summary>The POST code port, also Linux' default delay.</summary>
    public const ushort PostCode = 0x80;

    /// <summary>Linux' other delay port.</summary>
    public const ushort AlternativeDelay = 0xED;

    /// <summary>Ignores <paramref name="count"/> ports from <paramref name="first"/>.</summary>
    public IgnoredPorts(ushort first, int count = 1) => Range = new PortRange(first, count);

    /// <inheritdoc/>
    public PortRange Range { get; }

    /// <inheritdoc/>
    public uint Read(ushort port, int bytes) => 0;

    /// <inheritdoc/>
    public void Write(ushort port, int bytes, uint value)
    {
    }
}
