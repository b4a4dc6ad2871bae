using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>A channel message of a trace.</summary>
/// <param name="FromGuest">Who posted it.</param>
/// <param name="Bytes">All of it.</param>
/// <param name="Nanoseconds">When.</param>
internal sealed record TracedMessage(bool FromGuest, ReadOnlyMemory<byte> Bytes, ulong Nanoseconds)
{
    private const int ChannelOffset = 8;

    /// <summary>Its number; 0 when it is too short for one.</summary>
    public uint Number => Word(0);

    /// <summary>The word behind the header: of most messages the channel.</summary>
    public uint ChannelId => Word(ChannelOffset);

    /// <summary>A word of it; 0 when it is not there.</summary>
    public uint Word(int offset) => Bytes.Length >= offset + sizeof(uint) ? ReadUInt32LittleEndian(Bytes.Span[offset..]) : 0;
}
