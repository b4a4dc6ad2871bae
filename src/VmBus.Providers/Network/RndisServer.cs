using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;

namespace VmBus.Providers.Network;

/// <summary>The adapter as RNDIS has it: answers control messages. The primary channel's lane.</summary>
/// <remarks>Source: protocol-spec/rndis.md#rndis.</remarks>
internal sealed class RndisServer(NetworkSession session)
{
    /// <summary>Longest control message that is taken: two pages, as guests use.</summary>
    public const int MaximumBytes = 8192;

    private const int MaximumTransferBytes = 0x4000;
    private const int AlignmentShift = 3;

    private readonly byte[] _reply = new byte[2048];
    private readonly RndisObjects _objects = new(session);
    private bool _answered = true;
    private bool _announced = true;
    private bool _opened;
    private uint _filter;

    /// <summary>Whether the guest has initialised and not halted.</summary>
    public bool IsInitialized { get; private set; }

    /// <summary>Handles one message.</summary>
    /// <param name="message">The whole message, a private copy.</param>
    /// <param name="reply">The answer to send back; empty for none. Valid until the next message.</param>
    /// <returns>How the message itself is completed.</returns>
    public NvspStatus Handle(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> reply)
    {
        reply = default;
        if (!RndisControlHeader.TryRead(message, out RndisControlHeader header)) return NvspStatus.InvalidRndisPacket;
        switch (header.Type)
        {
            case RndisMessageType.Initialize:
                IsInitialized = true;
                new RndisInitializeComplete(header.RequestId, RndisStatus.Success, Transmitter.MaximumPackets, MaximumTransferBytes, AlignmentShift)
                    .Write(_reply);
                reply = _reply.AsSpan(0, RndisInitializeComplete.Size);
                return NvspStatus.Success;
            case RndisMessageType.Halt:
                Halt();
                return NvspStatus.Success;
            case RndisMessageType.KeepAlive:
                RndisAnswers.WriteStatus(_reply, RndisMessageType.KeepAliveComplete, header.RequestId, RndisStatus.Success);
                reply = _reply.AsSpan(0, RndisAnswers.StatusBytes);
                return NvspStatus.Success;
            case RndisMessageType.Reset:
                SetFilter(0);
                RndisAnswers.WriteReset(_reply, RndisStatus.Success);
                reply = _reply.AsSpan(0, RndisAnswers.ResetBytes);
                return NvspStatus.Success;
            case RndisMessageType.Query:
            case RndisMessageType.Set:
                return HandleRequest(message, header, ref reply);
            default:
                return NvspStatus.InvalidRndisPacket;
        }
    }

    /// <summary>The notice to send because the link has changed, or null.</summary>
    public RndisStatus? LinkChanged()
    {
        bool up = session.Provider.IsUp;
        // Before its interface is open, Linux may drop a notice: it is due again then.
        bool due = IsInitialized && (up != _announced || (_opened && up != _answered));
        if (_opened) _answered = up;
        _opened = false;
        if (!due) return null;
        _announced = up;
        return up ? RndisStatus.MediaConnect : RndisStatus.MediaDisconnect;
    }

    private NvspStatus HandleRequest(ReadOnlySpan<byte> message, in RndisControlHeader header, ref ReadOnlySpan<byte> reply)
    {
        if (!IsInitialized || !RndisRequest.TryRead(message, out RndisRequest request)) return NvspStatus.InvalidRndisPacket;
        ReadOnlySpan<byte> value = request.Value(message);
        if (header.Type == RndisMessageType.Set)
        {
            RndisAnswers.WriteStatus(_reply, RndisMessageType.SetComplete, header.RequestId, Set(request.Object, value));
            reply = _reply.AsSpan(0, RndisAnswers.StatusBytes);
            return NvspStatus.Success;
        }

        Span<byte> room = _reply.AsSpan(RndisAnswers.QueryBytes);
        room.Clear();
        RndisStatus status = Query(request.Object, value, room, out int bytes);
        RndisAnswers.WriteQuery(_reply, header.RequestId, status, bytes);
        reply = _reply.AsSpan(0, RndisAnswers.QueryBytes + bytes);
        return NvspStatus.Success;
    }

    private RndisStatus Query(NdisOid oid, ReadOnlySpan<byte> value, Span<byte> room, out int bytes)
    {
        switch (oid)
        {
            case NdisOid.CurrentPacketFilter:
                BinaryPrimitives.WriteUInt32LittleEndian(room, _filter);
                bytes = sizeof(uint);
                return RndisStatus.Success;
            case NdisOid.MediaConnectStatus:
                _answered = _announced = session.Provider.IsUp;
                BinaryPrimitives.WriteUInt32LittleEndian(room, _answered ? 0u : 1u);
                bytes = sizeof(uint);
                return RndisStatus.Success;
            default:
                return _objects.Query(oid, value, room, out bytes);
        }
    }

    private RndisStatus Set(NdisOid oid, ReadOnlySpan<byte> value)
    {
        switch (oid)
        {
            case NdisOid.CurrentPacketFilter:
                if (value.Length < sizeof(uint)) return RndisStatus.InvalidLength;
                SetFilter(BinaryPrimitives.ReadUInt32LittleEndian(value));
                return RndisStatus.Success;
            case NdisOid.OffloadParameters:
                if (!NdisOffloadParameters.TryRead(value, out NdisOffloadParameters parameters)) return RndisStatus.InvalidData;
                session.SetOffloads(parameters);
                return RndisStatus.Success;
            case NdisOid.ReceiveScaleParameters:
                return SetReceiveScale(value);
            case NdisOid.ConfigurationParameter:
                return SetConfiguration(value);
            case NdisOid.CurrentLookahead:
            case NdisOid.ProtocolOptions:
            case NdisOid.NetworkLayerAddresses:
            case NdisOid.TransportHeaderOffset:
            case NdisOid.MulticastList:
            case NdisOid.OffloadEncapsulation:
                return RndisStatus.Success;
            default:
                return RndisStatus.NotSupported;
        }
    }

    private void Halt()
    {
        IsInitialized = false;
        SetFilter(0);
    }

    private void SetFilter(uint filter)
    {
        _opened |= _filter == 0 && filter != 0;
        _filter = filter;
        FrameKinds kinds = FrameKinds.None;
        if ((filter & 0x1) != 0) kinds |= FrameKinds.Directed;
        if ((filter & 0x6) != 0) kinds |= FrameKinds.Multicast;
        if ((filter & 0x8) != 0) kinds |= FrameKinds.Broadcast;
        if ((filter & 0x20) != 0) kinds |= FrameKinds.Everything;
        session.SetFilter(kinds);
    }

    private RndisStatus SetReceiveScale(ReadOnlySpan<byte> value)
    {
        if (!NdisReceiveScaleParameters.TryRead(value, out NdisReceiveScaleParameters parameters)) return RndisStatus.InvalidData;
        if ((parameters.Flags & (ReceiveScaleFlags.Disable | ReceiveScaleFlags.TableUnchanged)) != 0) return RndisStatus.Success;
        ReadOnlySpan<byte> table = value.Slice((int)parameters.TableOffset, parameters.TableBytes);
        for (; !table.IsEmpty; table = table[sizeof(uint)..])
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(table) >= (uint)session.Queues) return RndisStatus.InvalidData;
        }

        return RndisStatus.Success;
    }

    // Offset and length of the name, type, offset and length of the value.
    private RndisStatus SetConfiguration(ReadOnlySpan<byte> value)
    {
        const int HeadBytes = 20;
        if (value.Length < HeadBytes) return RndisStatus.InvalidLength;
        if (!TryText(value, 0, out string name) || !TryText(value, 12, out string text)) return RndisStatus.InvalidData;
        if (name != "NetworkAddress") return RndisStatus.NotSupported;
        if (text.Length != 2 * MacAddress.Bytes || !ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number))
            return RndisStatus.InvalidData;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        MacAddress address = MacAddress.Read(bytes[2..]);
        if (!address.IsUnicast) return RndisStatus.InvalidData;
        session.Provider.CurrentAddress = address;
        session.SetFilter(session.Accepted);
        return RndisStatus.Success;
    }

    private static bool TryText(ReadOnlySpan<byte> value, int at, out string text)
    {
        const int MaximumBytes = 64;
        text = string.Empty;
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(value[at..]);
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(value[(at + 4)..]);
        if (bytes > MaximumBytes || bytes > value.Length || offset > value.Length - bytes) return false;
        text = Encoding.Unicode.GetString(value.Slice((int)offset, (int)bytes)).TrimEnd('\0');
        return true;
    }
}
