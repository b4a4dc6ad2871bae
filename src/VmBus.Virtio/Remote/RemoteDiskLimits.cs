using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;

namespace VmBus.Virtio.Remote;

/// <summary>What a block back-end offers, as its driver and its users need it.</summary>
internal sealed record RemoteDiskLimits
{
    /// <summary>VIRTIO_BLK_F_SIZE_MAX.</summary>
    public const ulong MaximumSegmentBytesFeature = 1 << 1;

    private const BlockFeatures Wanted = BlockFeatures.MaximumSegments | BlockFeatures.ReadOnly | BlockFeatures.BlockSize | BlockFeatures.Flush | BlockFeatures.Topology
        | BlockFeatures.MultiQueue | BlockFeatures.Discard | BlockFeatures.WriteZeroes;

    /// <summary>Feature bits that are used.</summary>
    public ulong Features { get; private init; }

    public bool EventIndex => ((VirtioFeatures)Features & VirtioFeatures.EventIndex) != 0;

    public bool CanFlush => Has(BlockFeatures.Flush);

    public bool CanDiscard => Has(BlockFeatures.Discard);

    public bool CanWriteZeroes => Has(BlockFeatures.WriteZeroes);

    /// <summary>Most data segments of a request.</summary>
    public int Segments { get; private init; }

    /// <summary>Most bytes of a segment.</summary>
    public long SegmentBytes { get; private init; }

    public int BlockBytes { get; private init; }

    public long DiscardBytes { get; private init; }

    public long ZeroBytes { get; private init; }

    public bool ZeroMayUnmap { get; private init; }

    /// <summary>What a back-end offers.</summary>
    /// <exception cref="BackEndException">It lacks what is needed, or says what cannot be.</exception>
    public static RemoteDiskLimits Of(BackEnd backEnd, int maximumSegments)
    {
        Require(backEnd, VirtioFeatures.Version1, "virtio 1.0 (bit 32)");
        Require(backEnd, VirtioFeatures.IndirectDescriptors, "indirect descriptors (bit 28)");
        BlockConfig config = Read(backEnd);
        ulong features = backEnd.Features
            & ((ulong)(VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex) | (ulong)Wanted | MaximumSegmentBytesFeature);
        bool Offers(BlockFeatures feature) => ((BlockFeatures)features & feature) != 0;
        int block = Offers(BlockFeatures.BlockSize) ? (int)Math.Min(config.BlockBytes, int.MaxValue) : BlockConfig.SectorBytes;
        if (block is not (512 or 4096)) throw new BackEndException($"{backEnd.Subject} has sectors of {block} bytes: have its back-end serve it with 512 or 4096.");
        return new RemoteDiskLimits
        {
            Features = features,
            Segments = Offers(BlockFeatures.MaximumSegments) ? (int)Math.Clamp(config.MaximumSegments, 1, (uint)maximumSegments) : 1,
            SegmentBytes = (features & MaximumSegmentBytesFeature) != 0 && config.MaximumSegmentBytes > 0 ? config.MaximumSegmentBytes : int.MaxValue,
            BlockBytes = block,
            DiscardBytes = Range(config.MaximumDiscardSectors, block),
            ZeroBytes = Range(config.MaximumZeroSectors, block),
            ZeroMayUnmap = config.ZeroMayUnmap == 1,
        };
    }

    /// <summary>The configuration space as it was told last.</summary>
    public static BlockConfig Read(BackEnd backEnd)
    {
        Span<byte> bytes = stackalloc byte[BlockConfig.Size];
        backEnd.ReadConfig(bytes);
        _ = BlockConfig.TryRead(bytes, out BlockConfig config);
        return config;
    }

    /// <summary>The size that the back-end says now.</summary>
    public DiskGeometry GeometryOf(in BlockConfig config)
    {
        long sectors = (long)Math.Min(config.Sectors, (ulong)(long.MaxValue / BlockConfig.SectorBytes));
        long bytes = sectors * BlockConfig.SectorBytes;
        int exponent = Has(BlockFeatures.Topology) ? Math.Min((int)config.PhysicalBlockExponent, 16) : 0;
        return new DiskGeometry(bytes - (bytes % BlockBytes), BlockBytes, BlockBytes << exponent);
    }

    /// <summary>What the disk can do.</summary>
    public DiskTraits TraitsOf(in BlockConfig config, bool readOnly)
    {
        readOnly |= Has(BlockFeatures.ReadOnly);
        long granularity = Math.Max(BlockBytes, Math.Min(config.DiscardAlignmentSectors, 1U << 20) * (long)BlockConfig.SectorBytes);
        return new DiskTraits(
            readOnly, WriteCache: CanFlush && !readOnly, DiscardGranularityBytes: CanDiscard && !readOnly ? (int)granularity : 0, MaximumTransferBytes: 0, Rotational: false);
    }

    private bool Has(BlockFeatures feature) => ((BlockFeatures)Features & feature) != 0;

    // Whole blocks, at least one.
    private static long Range(uint sectors, int block)
    {
        long bytes = sectors * (long)BlockConfig.SectorBytes;
        return Math.Max(block, bytes - (bytes % block));
    }

    private static void Require(BackEnd backEnd, VirtioFeatures feature, string what)
    {
        if (((VirtioFeatures)backEnd.Features & feature) == 0)
            throw new BackEndException($"{backEnd.Subject} has a back-end that does not offer {what}, which is needed: use another back-end.");
    }
}
