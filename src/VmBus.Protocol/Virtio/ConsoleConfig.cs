using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a console. Source: virtio 1.3, 5.3.3; protocol-spec/virtio.md#console.</summary>
[Flags]
public enum ConsoleFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_CONSOLE_F_SIZE: the configuration has the terminal's size.</summary>
    Size = 1UL << 0,
}

/// <summary>Configuration space of a console.</summary>
/// <param name="Columns">Characters of a line.</param>
/// <param name="Rows">Lines.</param>
/// <remarks>4 bytes. Source: virtio 1.3, 5.3.4; protocol-spec/virtio.md#console-configuration.</remarks>
public readonly record struct ConsoleConfig(ushort Columns, ushort Rows)
{
    /// <summary>Bytes of the configuration space.</summary>
    public const int Size = 4;

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> bytes)
    {
        WriteUInt16LittleEndian(bytes, Columns);
        WriteUInt16LittleEndian(bytes[2..], Rows);
    }
}
