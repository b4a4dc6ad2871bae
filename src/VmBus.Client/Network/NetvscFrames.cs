using VmBus.Memory.Guest;
using VmBus.Protocol.Network;

namespace VmBus.Client.Network;

/// <summary>Takes the frames that a channel receives.</summary>
public interface INetvscReceiver
{
    /// <summary>A frame has come. Called by <see cref="NetvscQueue.Poll"/>, on its thread; it may send on the same queue.</summary>
    void Receive(in ReceivedFrame frame);
}

/// <summary>A frame from the host: a private copy that is valid during the call.</summary>
public readonly ref struct ReceivedFrame(ReadOnlySpan<byte> data, ChecksumDone checksums, VlanInformation? vlan)
{
    /// <summary>The frame from its Ethernet header on.</summary>
    public ReadOnlySpan<byte> Data { get; } = data;

    /// <summary>What the host knows of its checksums.</summary>
    public ChecksumDone Checksums { get; } = checksums;

    /// <summary>Its VLAN tag, which is not in the data.</summary>
    public VlanInformation? Vlan { get; } = vlan;
}

/// <summary>What the host is to do to a frame.</summary>
/// <param name="Checksum">Checksums to compute.</param>
/// <param name="Large">Segments to make.</param>
/// <param name="Vlan">A tag to put in.</param>
public readonly record struct TransmitWork(ChecksumToDo? Checksum, LargeSend? Large, VlanInformation? Vlan)
{
    /// <summary>Bytes of packet information that say so.</summary>
    internal int InformationBytes
        => ((Checksum is null ? 0 : 1) + (Large is null ? 0 : 1) + (Vlan is null ? 0 : 1)) * PacketInformation.WordBytes;

    internal void Write(Span<byte> destination)
    {
        int at = 0;
        if (Vlan is { } vlan) Append(destination, ref at, PacketInformationType.Ieee8021Q, vlan.Bits);
        if (Large is { } large) Append(destination, ref at, PacketInformationType.LargeSend, large.Bits);
        if (Checksum is { } checksum) Append(destination, ref at, PacketInformationType.Checksum, checksum.Bits);
    }

    private static void Append(Span<byte> destination, ref int at, PacketInformationType type, uint value)
    {
        PacketInformation.Write(destination[at..], type, value);
        at += PacketInformation.WordBytes;
    }
}

/// <summary>A piece of a frame in the guest's RAM.</summary>
/// <param name="Start">Where.</param>
/// <param name="Bytes">How much, above 0.</param>
public readonly record struct FramePiece(Gpa Start, int Bytes);

/// <summary>What became of a frame that was to be sent.</summary>
public enum SendResult
{
    /// <summary>It is in the ring; the host sees it at the next <see cref="NetvscQueue.Flush"/>.</summary>
    Sent,

    /// <summary>There is no section or no space in the ring: again after <see cref="NetvscQueue.Poll"/>.</summary>
    Full,

    /// <summary>It does not fit a section, or has too many pieces.</summary>
    TooLong,

    /// <summary>The host has broken the ring's rules: nothing is sent any more.</summary>
    Broken,
}

/// <summary>What a queue has done.</summary>
/// <param name="Sent">Frames that the host has completed.</param>
/// <param name="SendFailed">Frames that it has refused.</param>
/// <param name="Received">Frames received.</param>
/// <param name="ReceivedPackets">Packets that they came in.</param>
/// <param name="ReceiveFailed">Frames that were malformed.</param>
public readonly record struct NetvscCounters(long Sent, long SendFailed, long Received, long ReceivedPackets, long ReceiveFailed);
