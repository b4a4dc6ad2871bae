namespace VmBus.Protocol.Channel;

/// <summary>What an offer says of its device beside the interface type. Source: protocol-spec/channel-messages.md#offer-flags.</summary>
[Flags]
public enum OfferFlags : ushort
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>User-space programs may find the device.</summary>
    EnumerateDeviceInterface = 0x0001,

    /// <summary>The rings are in memory that the host cannot see; only with <see cref="FeatureFlags.ConfidentialChannels"/>.</summary>
    ConfidentialRingBuffer = 0x0002,

    /// <summary>So are the buffers; only with <see cref="FeatureFlags.ConfidentialChannels"/>.</summary>
    ConfidentialExternalMemory = 0x0004,

    /// <summary>Buffers must be pinned; only with <see cref="FeatureFlags.GpaPinning"/>.</summary>
    PinnedExternalMemory = 0x0008,

    /// <summary>The channel carries a pipe; the user-defined area begins with the pipe's mode.</summary>
    NamedPipeMode = 0x0010,

    /// <summary>A socket provider's channel.</summary>
    TransportProvider = 0x2000,
}
