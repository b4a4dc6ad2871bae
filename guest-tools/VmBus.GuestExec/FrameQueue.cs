using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>Frames on their way to the host. One thread.</summary>
/// <remarks>Room for the last frame is always kept free, and output also leaves some for word of input that was taken.</remarks>
internal sealed class FrameQueue
{
    private const int LastFrameBytes = ExecFrameHeader.Size + ExecError.MaximumBytes;
    private const int InputTakenBytes = ExecFrameHeader.Size + ExecInputTaken.Size;
    private const int ReservedBytes = LastFrameBytes + InputTakenBytes;
    private const int LeastOutputBytes = 4096;

    private readonly ByteQueue _bytes = new(ExecFrameHeader.Size + ExecProtocol.MaximumPayloadBytes + ReservedBytes);

    /// <summary>Whether everything is with the host's end of the socket.</summary>
    public bool IsEmpty => _bytes.Count == 0;

    /// <summary>Whether output fits that is worth a read.</summary>
    public bool HasRoomForOutput => OutputRoom >= LeastOutputBytes;

    /// <summary>Whether word of input that was taken fits.</summary>
    public bool HasRoomForInputTaken => _bytes.RoomBytes >= ReservedBytes;

    private int OutputRoom => Math.Min(ExecProtocol.MaximumPayloadBytes, _bytes.RoomBytes - ReservedBytes - ExecFrameHeader.Size);

    /// <summary>Adds a frame of whatever a program has written.</summary>
    /// <returns>What the read returned: bytes, 0 at the end, or negative errno.</returns>
    public int AddOutput(HostBoundFrame type, LinuxFile from)
    {
        Span<byte> room = _bytes.Room();
        int result = DescriptorIo.Read(from.Descriptor, room.Slice(ExecFrameHeader.Size, OutputRoom));
        if (result > 0) Complete(room, type, result);
        return result;
    }

    /// <summary>Adds a frame.</summary>
    public void Add(ExecStarted frame) => frame.Write(Complete(_bytes.Room(), HostBoundFrame.Started, ExecStarted.Size));

    /// <summary>Adds a frame.</summary>
    public void Add(ExecInputTaken frame) => frame.Write(Complete(_bytes.Room(), HostBoundFrame.InputTaken, ExecInputTaken.Size));

    /// <summary>Adds a frame.</summary>
    public void Add(ExecExited frame) => frame.Write(Complete(_bytes.Room(), HostBoundFrame.Exited, ExecExited.Size));

    /// <summary>Adds a frame.</summary>
    public void Add(ExecKilled frame) => frame.Write(Complete(_bytes.Room(), HostBoundFrame.Killed, ExecKilled.Size));

    /// <summary>Adds a frame.</summary>
    public void Add(ExecError frame)
    {
        Span<byte> room = _bytes.Room();
        Complete(room, HostBoundFrame.Error, frame.Write(room[ExecFrameHeader.Size..]));
    }

    /// <summary>Sends as much as the socket takes now.</summary>
    /// <returns>False when the host is gone.</returns>
    public bool WriteTo(LinuxFile connection)
    {
        if (IsEmpty) return true;
        int result = DescriptorIo.Write(connection.Descriptor, _bytes.Content);
        if (result > 0) _bytes.Take(result);
        return result >= 0 || result == -Errno.EAGAIN;
    }

    // Writes the header and counts the frame as there; what is returned is its payload's place, which stays where it is until the next frame.
    private Span<byte> Complete(Span<byte> room, HostBoundFrame type, int payloadBytes)
    {
        new ExecFrameHeader(payloadBytes, (byte)type).Write(room);
        _bytes.Added(ExecFrameHeader.Size + payloadBytes);
        return room.Slice(ExecFrameHeader.Size, payloadBytes);
    }
}
