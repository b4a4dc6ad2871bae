using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Sockets;

/// <summary>The header in front of the bytes of a socket's packet.</summary>
/// <remarks>[0) type u32, 1 · [4) Bytes u32, 0 for the end of this direction · [8) the bytes. Source: protocol-spec/sockets.md#packet.</remarks>
public static class SocketPacket
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Most bytes of one packet towards the guest: a longer one makes Linux fail the socket.</summary>
    public const int MaximumBytes = 16384;

    private const uint Data = 1;

    /// <summary>Reads a header. The ring pads packets to a multiple of eight, so only this tells how long the data is.</summary>
    /// <returns>False when it is short, of another type, or says more than is there.</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, out int bytes)
    {
        bytes = 0;
        if (packet.Length < HeaderBytes || ReadUInt32LittleEndian(packet) != Data) return false;
        uint length = ReadUInt32LittleEndian(packet[4..]);
        if (length > (uint)(packet.Length - HeaderBytes)) return false;
        bytes = (int)length;
        return true;
    }

    /// <summary>Writes a header.</summary>
    public static void WriteHeader(Span<byte> packet, int bytes)
    {
        WriteUInt32LittleEndian(packet, Data);
        WriteInt32LittleEndian(packet[4..], bytes);
    }
}
