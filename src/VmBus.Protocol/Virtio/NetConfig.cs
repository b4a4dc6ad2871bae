using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Configuration space of a network adapter: 12 bytes, little-endian.</summary>
/// <remarks>Source: virtio 1.3, 5.1.4; protocol-spec/virtio.md#network-configuration.</remarks>
public readonly record struct NetConfig(ulong Address, ushort Status, ushort MaximumPairs, ushort Mtu)
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 12;

    /// <summary>Bytes of an address.</summary>
    public const int AddressBytes = 6;

    /// <summary>VIRTIO_NET_S_LINK_UP.</summary>
    public const ushort LinkUp = 1;

    /// <summary>Writes all <see cref="Size"/> bytes; the address is its six bytes, the first on the wire lowest.</summary>
    public void Write(Span<byte> target)
    {
        for (int i = 0; i < AddressBytes; i++) target[i] = (byte)(Address >> (8 * i));
        WriteUInt16LittleEndian(target[6..], Status);
        WriteUInt16LittleEndian(target[8..], MaximumPairs);
        WriteUInt16LittleEndian(target[10..], Mtu);
    }
}

/// <summary>Classes and commands of the control queue: class in the high byte. Source: virtio 1.3, 5.1.6.5.</summary>
public enum NetControlCommand : ushort
{
    /// <summary>VIRTIO_NET_CTRL_RX_PROMISC: a byte, 1 for all frames.</summary>
    Promiscuous = 0x0000,

    /// <summary>VIRTIO_NET_CTRL_RX_ALLMULTI: a byte, 1 for all groups.</summary>
    AllMulticast = 0x0001,

    /// <summary>VIRTIO_NET_CTRL_MAC_TABLE_SET: two tables of addresses, each a count u32 and six bytes for each.</summary>
    AddressTable = 0x0100,

    /// <summary>VIRTIO_NET_CTRL_MAC_ADDR_SET: six bytes.</summary>
    Address = 0x0101,

    /// <summary>VIRTIO_NET_CTRL_VLAN_ADD: a u16.</summary>
    AddVlan = 0x0200,

    /// <summary>VIRTIO_NET_CTRL_VLAN_DEL: a u16.</summary>
    RemoveVlan = 0x0201,

    /// <summary>VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET: a u16.</summary>
    Pairs = 0x0400,
}
