using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a memory balloon. Source: virtio 1.3, 5.5.3; protocol-spec/virtio.md#balloon.</summary>
[Flags]
public enum BalloonFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_BALLOON_F_STATS_VQ: the driver tells what its memory is used for.</summary>
    Statistics = 1UL << 1,

    /// <summary>VIRTIO_BALLOON_F_PAGE_REPORTING: the driver tells of free pages.</summary>
    Reporting = 1UL << 5,
}

/// <summary>Configuration space of a memory balloon.</summary>
/// <param name="WantedPages">Pages of 4096 bytes that the device wants in the balloon.</param>
/// <param name="ActualPages">Pages that the driver has in it.</param>
/// <remarks>8 bytes. Source: virtio 1.3, 5.5.4; protocol-spec/virtio.md#balloon-configuration.</remarks>
public readonly record struct BalloonConfig(uint WantedPages, uint ActualPages)
{
    /// <summary>Bytes of the configuration space.</summary>
    public const int Size = 8;

    /// <summary>Where the driver writes <see cref="ActualPages"/>.</summary>
    public const int ActualOffset = 4;

    /// <summary>Bytes of a statistic: what it is u16, value u64.</summary>
    public const int StatisticBytes = 10;

    /// <summary>VIRTIO_BALLOON_S_AVAIL: bytes that programs could still have.</summary>
    public const ushort AvailableStatistic = 6;

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> bytes)
    {
        WriteUInt32LittleEndian(bytes, WantedPages);
        WriteUInt32LittleEndian(bytes[ActualOffset..], ActualPages);
    }
}
