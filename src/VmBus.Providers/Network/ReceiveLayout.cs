namespace VmBus.Providers.Network;

/// <summary>How the sections of a receive buffer are divided. Source: protocol-spec/network.md#receive-buffer-complete.</summary>
/// <param name="SectionBytes">Size of a section.</param>
/// <param name="SectionCount">Sections there are.</param>
/// <param name="ControlSections">The first ones, for control messages.</param>
/// <param name="PerQueue">Sections of each channel, behind those.</param>
internal readonly record struct ReceiveLayout(int SectionBytes, int SectionCount, int ControlSections, int PerQueue)
{
    /// <summary>Bytes of a section before the frame: RNDIS header and packet information.</summary>
    public const int Headroom = 128;

    /// <summary>The longest frame that is not cut yet: an IP packet of 64 KiB, Ethernet header and VLAN tag.</summary>
    public const int LargestFrameBytes = 65535 + FrameHeaders.EthernetBytes + FrameHeaders.TagBytes;

    private const int Step = 2048;
    private const int MostControlSections = 16;

    // A frame of 64 KiB that is not cut takes two of the longest: the guest walks over the packet information of each. Longer ones would be more
    // contiguous memory than a guest easily finds (Linux allocates a section for each channel when its MTU changes).
    private const int LongestCoalescing = 32 * 1024;
    private const int ShortestCoalescing = 4096;

    // What a guest takes in one poll, twice, of the buffer that Linux gives unless told otherwise: fewer would leave frames waiting at the link that
    // there is memory for. A buffer of another length has as many more or fewer, so that a guest gets the number it asks for.
    private const int EnoughPerQueue = 128;
    private const int UsualBufferBytes = 16 << 20;

    /// <summary>Bytes of a frame in one section.</summary>
    public int FrameBytes => SectionBytes - Headroom;

    /// <summary>Whether each channel has enough sections for frames that are not cut yet, several of them.</summary>
    public bool CanCoalesce => PerQueue >= 4 * ((LargestFrameBytes / FrameBytes) + 1);

    /// <summary>Divides a buffer. False when it is too small.</summary>
    /// <param name="bytes">Its length.</param>
    /// <param name="mtu">The guest's MTU.</param>
    /// <param name="queues">Channels there can be.</param>
    /// <param name="coalescing">Whether frames may come that are not cut yet.</param>
    /// <param name="layout">The result.</param>
    public static bool TryDivide(long bytes, int mtu, int queues, bool coalescing, out ReceiveLayout layout)
    {
        int needed = Headroom + mtu + FrameHeaders.EthernetBytes + FrameHeaders.TagBytes;
        int section = (needed + Step - 1) / Step * Step;
        if (coalescing)
        {
            int longer = LongestCoalescing;
            while (longer > ShortestCoalescing && UsualBufferBytes / longer < EnoughPerQueue * queues) longer /= 2;
            section = Math.Max(section, longer);
        }

        // The answer says where the last section ends in 32 bits.
        int count = (int)(Math.Min(bytes, int.MaxValue) / section);
        int control = Math.Min(MostControlSections, count / 4);
        layout = new ReceiveLayout(section, count, control, (count - control) / queues);
        return control > 0 && layout.PerQueue > 0;
    }
}
