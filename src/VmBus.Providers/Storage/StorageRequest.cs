using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>One request of the guest from its packet to its answer; the packet's copy becomes the answer. Reused, one lane's own.</summary>
internal sealed class StorageRequest(StorageEndpoint endpoint) : ScsiRequest(new IoVectorList(InitialVectors, MaximumVectors))
{
    // A small request is one or two pieces; the list grows to what its largest request needed and stays there.
    private const int InitialVectors = 4;

    // What one readv or writev takes (UIO_MAXIOV).
    private const int MaximumVectors = 1024;

    private readonly byte[] _packet = new byte[VstorVersions.PacketBytes];

    /// <summary>The next request of the list that this one is in.</summary>
    public StorageRequest? Next { get; set; }

    /// <summary>When its command was started, by <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public long Started { get; set; }

    /// <summary>Whether the guest wants an answer, and can tell it from a notice.</summary>
    public bool WantsAnswer { get; private set; }

    /// <summary>What the answer carries back.</summary>
    public ulong TransactionId { get; private set; }

    /// <summary>Whether the packet was long enough to be one: the header and a short request block.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Whether this is a plain read or write, which the disk ends soon.</summary>
    public bool IsTransfer { get; set; }

    /// <summary>Bytes of the data buffer that the guest gave.</summary>
    public uint TransferBytes { get; set; }

    /// <summary>The packet, then the answer: as long as the request was, within what every guest takes.</summary>
    public Span<byte> Packet => _packet.AsSpan(0, PacketBytes);

    /// <summary>The packet after its header.</summary>
    public Span<byte> Body => _packet.AsSpan(VstorHeader.Size, PacketBytes - VstorHeader.Size);

    private int PacketBytes { get; set; }

    /// <summary>Takes the private copy of a packet over.</summary>
    public void Take(in RingPacket packet)
    {
        int bytes = Math.Min(packet.Payload.Length, VstorVersions.PacketBytes);
        packet.Payload[..bytes].CopyTo(_packet);
        _packet.AsSpan(bytes).Clear();
        IsWhole = bytes >= VstorVersions.ShortPacketBytes;
        PacketBytes = Math.Max(bytes, VstorVersions.ShortPacketBytes);
        TransactionId = packet.Descriptor.TransactionId;
        // Transaction 0 marks the host's own notices: an answer with it would be taken for one.
        WantsAnswer = packet.Descriptor.WantsCompletion && TransactionId != 0;
    }

    /// <inheritdoc/>
    public override void Complete() => endpoint.Completed(this);
}
