using VmBus.Protocol.Network;

namespace VmBus.Client.Network;

/// <summary>How a <see cref="NetvscClient"/> drives its adapter. The usual values are those of Linux.</summary>
public sealed record NetvscOptions
{
    /// <summary>Versions in the order to propose them.</summary>
    public IReadOnlyList<NvspVersion> Versions { get; init; } =
        [NvspVersion.V61, NvspVersion.V6, NvspVersion.V5, NvspVersion.V4, NvspVersion.V2, NvspVersion.V1];

    /// <summary>The longest packet without its Ethernet header.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Pages of each ring of each channel.</summary>
    public int PagesPerRing { get; init; } = 128;

    /// <summary>Pages of the buffer that frames are received into.</summary>
    public int ReceivePages { get; init; } = 4096;

    /// <summary>Pages of the buffer that frames are sent from.</summary>
    public int SendPages { get; init; } = 256;

    /// <summary>Most channels, the primary among them: the sections of the send buffer are divided by it.</summary>
    public int MaximumQueues { get; init; } = 1;

    /// <summary>The virtual processor that the primary channel interrupts; each sub-channel the next.</summary>
    public uint Processor { get; init; }

    /// <summary>Whether frames may come that are not cut into segments yet, where the version has it.</summary>
    public bool Coalescing { get; init; } = true;

    /// <summary>How long to wait for an answer.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
