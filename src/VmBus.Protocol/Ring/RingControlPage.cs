namespace VmBus.Protocol.Ring;

/// <summary>Byte offsets of the 32-bit words on the control page, the first page of every ring, and their values.</summary>
/// <remarks>The words are shared and change at any time. Source: protocol-spec/ring.md#control-page.</remarks>
public static class RingControlPage
{
    /// <summary>Bytes of the page; the data area follows it.</summary>
    public const int Size = 4096;

    /// <summary>Where the producer writes next, in bytes into the data area. Written by the producer.</summary>
    public const int WriteIndex = 0;

    /// <summary>Where the consumer reads next, in bytes into the data area. Written by the consumer.</summary>
    public const int ReadIndex = 4;

    /// <summary>Not 0: the producer does not signal new packets. Written by the consumer.</summary>
    public const int InterruptMask = 8;

    /// <summary>Not 0: the producer waits until this many bytes are free. Written by the producer.</summary>
    public const int PendingSendSize = 12;

    /// <summary>What the guest's ring code supports. Written by the guest before it opens the channel.</summary>
    public const int FeatureBits = 64;

    /// <summary>Feature bit: the consumer looks at <see cref="PendingSendSize"/> and signals when space appears.</summary>
    public const uint PendingSendSizeSupported = 1;
}
