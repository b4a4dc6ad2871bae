using System.Text;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Network;

/// <summary>The values of objects that only tell what the adapter is. Source: protocol-spec/rndis.md#objects.</summary>
internal sealed class RndisObjects(NetworkSession session)
{
    /// <summary>Longest IP packet that the guest hands over to be segmented, as Hyper-V has it.</summary>
    public const uint LargeSendBytes = 62780;

    private const ushort TableEntries = 128;
    private const int LinkStateBytes = 40;

    private static readonly uint[] Supported = [.. Enum.GetValues<NdisOid>().Where(static oid => oid != NdisOid.None).Select(static oid => (uint)oid)];

    /// <summary>Writes the value of an object.</summary>
    /// <param name="oid">Which.</param>
    /// <param name="input">What came with the query.</param>
    /// <param name="value">At least 1 KiB of zeroes.</param>
    /// <param name="bytes">Length of the value.</param>
    public RndisStatus Query(NdisOid oid, ReadOnlySpan<byte> input, Span<byte> value, out int bytes)
    {
        ILink link = session.Link;
        ulong speed = link.Traits.BitsPerSecond;
        int? size = oid switch
        {
            NdisOid.SupportedList => List(value),
            NdisOid.MaximumLookahead or NdisOid.CurrentLookahead or NdisOid.MaximumFrameSize => Word(value, (uint)session.Mtu),
            NdisOid.MaximumTotalSize => Word(value, (uint)(session.Mtu + FrameHeaders.EthernetBytes)),
            NdisOid.LinkSpeed => Word(value, (uint)Math.Min(speed / 100, uint.MaxValue)),
            NdisOid.TransmitBufferSpace => Word(value, Bytes(session.SendBuffer)),
            NdisOid.ReceiveBufferSpace => Word(value, Bytes(session.ReceiveBuffer)),
            NdisOid.TransmitBlockSize or NdisOid.ReceiveBlockSize => Word(value, 1),
            NdisOid.VendorId => Word(value, 0xFF_FFFF),
            NdisOid.VendorDescription => Encoding.ASCII.GetBytes("VMBus network adapter\0", value),
            NdisOid.DriverVersion => Word(value, 0x061E),
            NdisOid.VendorDriverVersion => Word(value, 0x1_0000),
            NdisOid.MaximumSendPackets => Word(value, Transmitter.MaximumPackets),
            NdisOid.MaximumListSize => Word(value, 32),
            NdisOid.HardwareStatus or NdisOid.MediaSupported or NdisOid.MediaInUse or NdisOid.MacOptions => Word(value, 0),
            NdisOid.ReceiveErrorAlignment or NdisOid.TransmitOneCollision or NdisOid.TransmitMoreCollisions => Word(value, 0),
            NdisOid.TransmitOk => Long(value, session.Provider.Counters.FramesSent),
            NdisOid.ReceiveOk => Long(value, session.Provider.Counters.FramesReceived),
            NdisOid.TransmitError => Long(value, session.Provider.Counters.SendDropped),
            NdisOid.ReceiveError => Long(value, 0),
            NdisOid.ReceiveNoBuffer => Long(value, session.Provider.Counters.ReceiveDropped),
            NdisOid.MulticastList => 0,
            NdisOid.PermanentAddress => Address(value, session.Options.Address),
            NdisOid.CurrentAddress => Address(value, session.Provider.CurrentAddress),
            NdisOid.FriendlyName => Encoding.Unicode.GetBytes(session.Options.FriendlyName, value[..512]),
            NdisOid.MaximumLinkSpeed => Long(value, (long)speed) + Long(value[8..], (long)speed),
            NdisOid.LinkState => LinkState(value, session.Provider.IsUp, speed),
            NdisOid.OffloadHardwareCapabilities or NdisOid.OffloadCurrentConfiguration => Offloads(input, value),
            NdisOid.ReceiveScaleCapabilities => ReceiveScale(value),
            _ => null,
        };
        bytes = size ?? 0;
        return size is null ? RndisStatus.NotSupported : RndisStatus.Success;
    }

    private static int Word(Span<byte> value, uint number)
    {
        WriteUInt32LittleEndian(value, number);
        return sizeof(uint);
    }

    private static int Long(Span<byte> value, long number)
    {
        WriteInt64LittleEndian(value, number);
        return sizeof(long);
    }

    private static uint Bytes(SharedBuffer? buffer) => buffer is null ? 0 : (uint)((long)buffer.SectionBytes * buffer.SectionCount);

    private static int Address(Span<byte> value, MacAddress address)
    {
        address.Write(value);
        return MacAddress.Bytes;
    }

    private static int List(Span<byte> value)
    {
        for (int i = 0; i < Supported.Length; i++) WriteUInt32LittleEndian(value[(i * sizeof(uint))..], Supported[i]);
        return Supported.Length * sizeof(uint);
    }

    private static int LinkState(Span<byte> value, bool up, ulong speed)
    {
        new NdisObjectHeader(NdisObjectType.Default, 1, LinkStateBytes).Write(value);
        WriteUInt32LittleEndian(value[4..], up ? 1u : 2u);
        // Full duplex.
        WriteUInt32LittleEndian(value[8..], 2);
        WriteUInt64LittleEndian(value[16..], speed);
        WriteUInt64LittleEndian(value[24..], speed);
        return LinkStateBytes;
    }

    // Linux takes no longer form than the one that it has sent along.
    private int Offloads(ReadOnlySpan<byte> input, Span<byte> value)
    {
        LinkOffloads sends = session.Link.Traits.SendOffloads;
        bool checksums = (sends & LinkOffloads.Checksum) != 0;
        return new NdisOffload(
            checksums,
            (session.Link.Traits.ReceiveOffloads & LinkOffloads.Checksum) != 0,
            checksums && (sends & LinkOffloads.Tcp4Segmentation) != 0 ? LargeSendBytes : 0,
            checksums && (sends & LinkOffloads.Tcp6Segmentation) != 0 ? LargeSendBytes : 0,
            session.OffersCoalescing).Write(value, input.IsEmpty ? NdisOffload.Size : input.Length);
    }

    private int ReceiveScale(Span<byte> value)
    {
        new NdisReceiveScaleCapabilities((uint)session.Queues, TableEntries).Write(value);
        return NdisReceiveScaleCapabilities.Size;
    }
}
