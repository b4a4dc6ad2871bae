using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Channel;

/// <summary>The fields of a channel message one after the other, from behind the header on. Never throws: a field that is not there is 0.</summary>
internal ref struct MessageReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message.Length < MessageTable.HeaderBytes ? default : message[MessageTable.HeaderBytes..];
    private bool _isShort = message.Length < MessageTable.HeaderBytes;

    /// <summary>Whether everything that was asked for was there.</summary>
    public readonly bool IsWhole => !_isShort;

    public byte Byte() => Take(sizeof(byte), out ReadOnlySpan<byte> field) ? field[0] : default;

    public ushort UInt16() => Take(sizeof(ushort), out ReadOnlySpan<byte> field) ? ReadUInt16LittleEndian(field) : default;

    public uint UInt32() => Take(sizeof(uint), out ReadOnlySpan<byte> field) ? ReadUInt32LittleEndian(field) : default;

    public ulong UInt64() => Take(sizeof(ulong), out ReadOnlySpan<byte> field) ? ReadUInt64LittleEndian(field) : default;

    public Guid Guid() => Take(16, out ReadOnlySpan<byte> field) ? new Guid(field) : default;

    /// <summary>A copy of a field of bytes; empty when it is not there.</summary>
    public byte[] Bytes(int count) => Take(count, out ReadOnlySpan<byte> field) ? field.ToArray() : [];

    /// <summary>Passes over reserved bytes.</summary>
    public void Skip(int count) => _ = Take(count, out _);

    private bool Take(int bytes, out ReadOnlySpan<byte> field)
    {
        if (_rest.Length < bytes)
        {
            _isShort = true;
            _rest = field = default;
            return false;
        }

        field = _rest[..bytes];
        _rest = _rest[bytes..];
        return true;
    }
}
