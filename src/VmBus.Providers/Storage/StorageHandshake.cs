using VmBus.Protocol.Storage;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Storage;

/// <summary>How far the guest has come in opening a controller.</summary>
internal enum HandshakePhase
{
    /// <summary>The channel is open, nothing was said.</summary>
    Created,

    /// <summary>The guest has begun.</summary>
    Begun,

    /// <summary>A version is agreed.</summary>
    Negotiated,

    /// <summary>Commands are served.</summary>
    Ready,
}

/// <summary>The handshake of a controller, without effects: what each request is answered, and the state that follows.</summary>
/// <remarks>The primary channel's lane changes it; any lane reads <see cref="Phase"/>. Source: protocol-spec/storage.md#states.</remarks>
internal sealed class StorageHandshake(StorageOptions options)
{
    private int _phase;

    /// <summary>How far the guest has come.</summary>
    public HandshakePhase Phase
    {
        get => (HandshakePhase)Volatile.Read(ref _phase);
        private set => Volatile.Write(ref _phase, (int)value);
    }

    /// <summary>The agreed version.</summary>
    public VstorVersion Version { get; private set; }

    /// <summary>Sub-channels that the guest asked for last.</summary>
    public int Subchannels { get; private set; }

    /// <summary>Takes one request and turns its body into the answer's body.</summary>
    /// <param name="operation">What is asked.</param>
    /// <param name="body">The packet after its header, 36 bytes at least.</param>
    /// <returns>The status of the answer.</returns>
    public StorageStatus Handle(VstorOperation operation, Span<byte> body) => operation switch
    {
        VstorOperation.BeginInitialization => Begin(),
        VstorOperation.QueryProtocolVersion => Propose((VstorVersion)ReadUInt16LittleEndian(body)),
        VstorOperation.QueryProperties => DescribeProperties(body),
        VstorOperation.EndInitialization => End(),
        VstorOperation.CreateSubchannels => CreateSubchannels(ReadUInt16LittleEndian(body)),
        _ => StorageStatus.InvalidDeviceRequest,
    };

    // A driver that was loaded again on a channel that stayed open starts over; so every phase accepts this.
    private StorageStatus Begin()
    {
        Version = VstorVersion.None;
        Subchannels = 0;
        Phase = HandshakePhase.Begun;
        return StorageStatus.Success;
    }

    private StorageStatus Propose(VstorVersion version)
    {
        if (Phase is not (HandshakePhase.Begun or HandshakePhase.Negotiated)) return StorageStatus.InvalidDeviceState;
        if (!version.IsKnown()) return StorageStatus.RevisionMismatch;
        Version = version;
        Phase = HandshakePhase.Negotiated;
        return StorageStatus.Success;
    }

    private StorageStatus DescribeProperties(Span<byte> body)
    {
        if (Phase is not (HandshakePhase.Negotiated or HandshakePhase.Ready)) return StorageStatus.InvalidDeviceState;
        int subchannels = Version.HasSubchannels() ? options.MaximumSubchannels : 0;
        uint flags = subchannels > 0 ? StorageProperties.MultiChannel : 0;
        new StorageProperties((ushort)subchannels, flags, (uint)options.MaximumTransferBytes).Write(body);
        return StorageStatus.Success;
    }

    private StorageStatus End()
    {
        if (Phase != HandshakePhase.Negotiated) return StorageStatus.InvalidDeviceState;
        Phase = HandshakePhase.Ready;
        return StorageStatus.Success;
    }

    // Linux asks after the end of the handshake, Windows before it.
    private StorageStatus CreateSubchannels(int count)
    {
        if (Phase is not (HandshakePhase.Negotiated or HandshakePhase.Ready)) return StorageStatus.InvalidDeviceState;
        if (!Version.HasSubchannels()) return StorageStatus.InvalidDeviceRequest;
        if (count > options.MaximumSubchannels) return StorageStatus.InvalidParameter;
        Subchannels = count;
        return StorageStatus.Success;
    }
}
