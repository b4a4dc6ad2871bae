using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Network.Links.Passt;

/// <summary>A connection to passt and what is under way on it. It outlives the queues, which come and go in the middle of a frame.</summary>
/// <remarks>Frames follow each other, each with its length in front: 32 bits, big-endian. Source: passt(1), QEMU's <c>-netdev stream</c>.</remarks>
internal sealed class PasstStream : IDisposable
{
    /// <summary>Bytes in front of a frame.</summary>
    internal const int LengthBytes = 4;

    // A few of the longest frames, or a few hundred common ones: what one turn moves.
    private const int BufferBytes = 512 * 1024;

    private readonly IoVectorList _vectors = new(2, 2);
    private readonly IoVectorList _outgoing = new(2, 2);

    internal PasstStream(LinuxFile socket) => Socket = socket;

    internal LinuxFile Socket { get; }

    /// <summary>What came and is not delivered yet lies at <see cref="Received"/>.</summary>
    internal BounceBuffer Incoming { get; } = new(BufferBytes);

    /// <summary>What is to be sent.</summary>
    internal BounceBuffer Outgoing { get; } = new(BufferBytes);

    internal int ReceivedStart { get; set; }

    internal int ReceivedEnd { get; set; }

    internal int SendStart { get; set; }

    internal int SendEnd { get; set; }

    /// <summary>Bytes that came and are not delivered yet.</summary>
    internal ReadOnlySpan<byte> Received => Incoming.Data[ReceivedStart..ReceivedEnd];

    /// <summary>Makes room behind what came, for the kernel.</summary>
    /// <returns>Null when there is none.</returns>
    internal IoVectorList? RoomToReceive()
    {
        if (ReceivedStart > 0)
        {
            Received.CopyTo(Incoming.Data);
            ReceivedEnd -= ReceivedStart;
            ReceivedStart = 0;
        }

        return ReceivedEnd == BufferBytes ? null : Describe(_vectors, Incoming, ReceivedEnd, BufferBytes);
    }

    /// <summary>Finds room for a frame to send.</summary>
    internal bool TryReserve(int bytes, out Span<byte> room)
    {
        if (SendStart == SendEnd)
        {
            SendStart = SendEnd = 0;
        }
        else if (bytes > BufferBytes - SendEnd)
        {
            Outgoing.Data[SendStart..SendEnd].CopyTo(Outgoing.Data);
            SendEnd -= SendStart;
            SendStart = 0;
        }

        room = default;
        if (bytes > BufferBytes - SendEnd) return false;
        room = Outgoing.Data.Slice(SendEnd, bytes);
        return true;
    }

    /// <summary>What is to be sent, for the kernel.</summary>
    internal IoVectorList ToSend() => Describe(_outgoing, Outgoing, SendStart, SendEnd);

    public void Dispose()
    {
        Socket.Dispose();
        Incoming.Dispose();
        Outgoing.Dispose();
        _vectors.Dispose();
        _outgoing.Dispose();
    }

    private static IoVectorList Describe(IoVectorList list, BounceBuffer buffer, int start, int end)
    {
        list.Clear();
        list.TryAdd(buffer, end);
        list.Advance(start);
        return list;
    }
}
