using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tracing;

/// <summary>A channel that was there when a trace began: 24 bytes, little-endian.</summary>
/// <param name="InterfaceInstance">Which device it is.</param>
/// <param name="ConnectionId">What the guest signals on.</param>
/// <param name="State">How it stood, by the order of protocol-spec/channel.md#channel-states.</param>
/// <remarks>[0) InterfaceInstance guid · [16) ConnectionId u32 · [20) State u32. Source: protocol-spec/trace.md#channel.</remarks>
public readonly record struct TracedChannel(Guid InterfaceInstance, uint ConnectionId, uint State)
{
    /// <summary>Bytes in the file.</summary>
    public const int Size = 24;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out TracedChannel value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new TracedChannel(new Guid(source[..16]), ReadUInt32LittleEndian(source[16..]), ReadUInt32LittleEndian(source[20..]));
        return true;
    }

    /// <summary>Writes it; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        _ = InterfaceInstance.TryWriteBytes(destination);
        WriteUInt32LittleEndian(destination[16..], ConnectionId);
        WriteUInt32LittleEndian(destination[20..], State);
    }
}
