namespace VmBus.Protocol.Channel;

/// <summary>A VMBus protocol version: major in the upper, minor in the lower 16 bits. A guest may name any value.</summary>
/// <remarks>Source: protocol-spec/channel.md#versions.</remarks>
public readonly record struct ProtocolVersion(uint Value) : IComparable<ProtocolVersion>
{
    /// <summary>0.13, Windows Server 2008.</summary>
    public static readonly ProtocolVersion V0_13 = new(0x0000_000D);

    /// <summary>1.1, Windows Server 2008 R2.</summary>
    public static readonly ProtocolVersion V1_1 = new(0x0001_0001);

    /// <summary>2.4, Windows Server 2012: event flags per processor, sub-channels. The oldest that is accepted.</summary>
    public static readonly ProtocolVersion V2_4 = new(0x0002_0004);

    /// <summary>3.0, Windows Server 2012 R2: messages to the processor that made contact.</summary>
    public static readonly ProtocolVersion V3_0 = new(0x0003_0000);

    /// <summary>4.0, Windows Server 2016: sockets, reserved channels.</summary>
    public static readonly ProtocolVersion V4_0 = new(0x0004_0000);

    /// <summary>4.1: MODIFYCHANNEL, TL_CONNECT_RESULT.</summary>
    public static readonly ProtocolVersion V4_1 = new(0x0004_0001);

    /// <summary>5.0: the guest names the message interrupt, the host the message connection.</summary>
    public static readonly ProtocolVersion V5_0 = new(0x0005_0000);

    /// <summary>5.1: the guest names the trust level of messages.</summary>
    public static readonly ProtocolVersion V5_1 = new(0x0005_0001);

    /// <summary>5.2, Windows Server 2019: silo id in TL_CONNECT_REQUEST.</summary>
    public static readonly ProtocolVersion V5_2 = new(0x0005_0002);

    /// <summary>5.3, Windows Server 2022: MODIFYCHANNEL_RESPONSE.</summary>
    public static readonly ProtocolVersion V5_3 = new(0x0005_0003);

    /// <summary>6.0, Windows Server 2025: feature flags.</summary>
    public static readonly ProtocolVersion V6_0 = new(0x0006_0000);

    /// <summary>Every version that exists, oldest first.</summary>
    public static IReadOnlyList<ProtocolVersion> All { get; } = [V0_13, V1_1, V2_4, V3_0, V4_0, V4_1, V5_0, V5_1, V5_2, V5_3, V6_0];

    /// <summary>The part before the dot.</summary>
    public uint Major => Value >> 16;

    /// <summary>The part after the dot.</summary>
    public uint Minor => Value & 0xFFFF;

    /// <summary>Whether this is one of <see cref="All"/>.</summary>
    public bool IsKnown
    {
        get
        {
            foreach (ProtocolVersion version in All)
            {
                if (version == this) return true;
            }

            return false;
        }
    }

    /// <summary>
    /// Whether a channel server can speak it. Versions below 2.4 need one interrupt page that all channels and processors share; the guests
    /// that know nothing newer ended support long ago.
    /// </summary>
    public bool IsServed => IsKnown && this >= V2_4;

    /// <inheritdoc/>
    public int CompareTo(ProtocolVersion other) => Value.CompareTo(other.Value);

    /// <summary>Whether the first is older.</summary>
    public static bool operator <(ProtocolVersion left, ProtocolVersion right) => left.Value < right.Value;

    /// <summary>Whether the first is newer.</summary>
    public static bool operator >(ProtocolVersion left, ProtocolVersion right) => left.Value > right.Value;

    /// <summary>Whether the first is not newer.</summary>
    public static bool operator <=(ProtocolVersion left, ProtocolVersion right) => left.Value <= right.Value;

    /// <summary>Whether the first is not older.</summary>
    public static bool operator >=(ProtocolVersion left, ProtocolVersion right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"{Major}.{Minor}";
}
