using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a socket device. Source: virtio 1.3, 5.10.3; protocol-spec/virtio.md#sockets.</summary>
[Flags]
public enum VsockFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_VSOCK_F_STREAM: sockets that carry a stream of bytes.</summary>
    Stream = 1UL << 0,
}

/// <summary>What a packet of a socket device says. Source: virtio 1.3, 5.10.6.</summary>
public enum VsockOperation : ushort
{
    /// <summary>VIRTIO_VSOCK_OP_REQUEST: asks for a connection.</summary>
    Request = 1,

    /// <summary>VIRTIO_VSOCK_OP_RESPONSE: takes it.</summary>
    Response = 2,

    /// <summary>VIRTIO_VSOCK_OP_RST: refuses it, or ends it at once.</summary>
    Reset = 3,

    /// <summary>VIRTIO_VSOCK_OP_SHUTDOWN: the sender will not send, or not receive, any more.</summary>
    Shutdown = 4,

    /// <summary>VIRTIO_VSOCK_OP_RW: bytes.</summary>
    Data = 5,

    /// <summary>VIRTIO_VSOCK_OP_CREDIT_UPDATE: only how much the sender has room for.</summary>
    CreditUpdate = 6,

    /// <summary>VIRTIO_VSOCK_OP_CREDIT_REQUEST: asks for one.</summary>
    CreditRequest = 7,
}

/// <summary>Flags of <see cref="VsockOperation.Shutdown"/>. Source: virtio 1.3, 5.10.6.5.</summary>
[Flags]
public enum VsockShutdown : uint
{
    /// <summary>Nothing ends.</summary>
    None = 0,

    /// <summary>The sender will receive nothing more.</summary>
    Receive = 1,

    /// <summary>The sender will send nothing more.</summary>
    Send = 2,

    /// <summary>Both.</summary>
    Both = Receive | Send,
}

/// <summary>The header of every packet of a socket device.</summary>
/// <param name="SourceCid">Whose packet it is.</param>
/// <param name="TargetCid">Whom it is for.</param>
/// <param name="SourcePort">The sender's port.</param>
/// <param name="TargetPort">The receiver's.</param>
/// <param name="Bytes">Of data after it.</param>
/// <param name="Type">Kind of socket; <see cref="Stream"/>.</param>
/// <param name="Operation">What it says.</param>
/// <param name="Flags">Of <see cref="VsockOperation.Shutdown"/>.</param>
/// <param name="BufferBytes">What the sender's end of the connection has room for in all.</param>
/// <param name="ForwardedBytes">What it has given to its program so far, modulo 2³².</param>
/// <remarks>44 bytes, little-endian. Source: virtio 1.3, 5.10.6; protocol-spec/virtio.md#socket-header.</remarks>
public readonly record struct VsockHeader(
    ulong SourceCid, ulong TargetCid, uint SourcePort, uint TargetPort, uint Bytes, ushort Type, VsockOperation Operation, VsockShutdown Flags, uint BufferBytes, uint ForwardedBytes)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 44;

    /// <summary>The context id of the host.</summary>
    public const ulong HostCid = 2;

    /// <summary>The least context id of a guest.</summary>
    public const ulong LeastGuestCid = 3;

    /// <summary>The greatest: all bits set mean any, and the upper half is reserved.</summary>
    public const ulong GreatestGuestCid = uint.MaxValue - 1;

    /// <summary>Bytes of the configuration space: the guest's context id.</summary>
    public const int ConfigBytes = 8;

    /// <summary>Bytes of an event: its number.</summary>
    public const int EventBytes = 4;

    /// <summary>VIRTIO_VSOCK_EVENT_TRANSPORT_RESET: connections are gone, and the context id may be another.</summary>
    public const uint TransportResetEvent = 0;

    /// <summary>The type of a socket that carries a stream of bytes.</summary>
    public const ushort Stream = 1;

    /// <summary>Reads a header of <see cref="Size"/> bytes; any values make one.</summary>
    public static VsockHeader Read(ReadOnlySpan<byte> bytes) => new(
        ReadUInt64LittleEndian(bytes),
        ReadUInt64LittleEndian(bytes[8..]),
        ReadUInt32LittleEndian(bytes[16..]),
        ReadUInt32LittleEndian(bytes[20..]),
        ReadUInt32LittleEndian(bytes[24..]),
        ReadUInt16LittleEndian(bytes[28..]),
        (VsockOperation)ReadUInt16LittleEndian(bytes[30..]),
        (VsockShutdown)ReadUInt32LittleEndian(bytes[32..]),
        ReadUInt32LittleEndian(bytes[36..]),
        ReadUInt32LittleEndian(bytes[40..]));

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> bytes)
    {
        WriteUInt64LittleEndian(bytes, SourceCid);
        WriteUInt64LittleEndian(bytes[8..], TargetCid);
        WriteUInt32LittleEndian(bytes[16..], SourcePort);
        WriteUInt32LittleEndian(bytes[20..], TargetPort);
        WriteUInt32LittleEndian(bytes[24..], Bytes);
        WriteUInt16LittleEndian(bytes[28..], Type);
        WriteUInt16LittleEndian(bytes[30..], (ushort)Operation);
        WriteUInt32LittleEndian(bytes[32..], (uint)Flags);
        WriteUInt32LittleEndian(bytes[36..], BufferBytes);
        WriteUInt32LittleEndian(bytes[40..], ForwardedBytes);
    }
}
