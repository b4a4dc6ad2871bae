using VmBus.Protocol.Ring;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Ring;

/// <summary>The code's sizes, offsets and numbers are those of protocol-spec/ring.md.</summary>
public sealed class RingSpecTests
{
    private static readonly SpecPage Page = SpecPage.Load("ring.md");

    [Fact]
    public void Control_page_words_are_where_the_page_says()
    {
        SpecLayout layout = Page.Layout("control-page");
        Assert.Equal(RingControlPage.Size, layout.Bytes);
        Assert.Equal(RingControlPage.WriteIndex, layout.Offset("write index"));
        Assert.Equal(RingControlPage.ReadIndex, layout.Offset("read index"));
        Assert.Equal(RingControlPage.InterruptMask, layout.Offset("interrupt mask"));
        Assert.Equal(RingControlPage.PendingSendSize, layout.Offset("pending send size"));
        Assert.Equal(RingControlPage.FeatureBits, layout.Offset("feature bits"));
        Assert.All(["write index", "read index", "interrupt mask", "pending send size", "feature bits"], word => Assert.Equal(4, layout.Size(word)));
        Assert.Equal(RingControlPage.PendingSendSizeSupported, Page.Numbers("feature-bits")["pending send size supported"]);
    }

    [Fact]
    public void Descriptor_is_written_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("descriptor");
        Assert.Equal(PacketDescriptor.Size, layout.Bytes);
        Assert.Equal(PacketDescriptor.TrailerBytes, Page.Layout("trailer").Bytes);
        var bytes = new byte[PacketDescriptor.Size];
        new PacketDescriptor((PacketType)0x1234, 0x2345 * 8, 0x3456 * 8, 0x4567, 0x56789ABCDEF01234).Write(bytes);

        Assert.Equal(0x1234u, layout.Read(bytes, "type"));
        Assert.Equal(0x2345u, layout.Read(bytes, "header length"));
        Assert.Equal(0x3456u, layout.Read(bytes, "total length"));
        Assert.Equal(0x4567u, layout.Read(bytes, "flags"));
        Assert.Equal(0x56789ABCDEF01234u, layout.Read(bytes, "transaction id"));
    }

    [Fact]
    public void Descriptor_is_read_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("descriptor");
        var bytes = new byte[PacketDescriptor.Size];
        layout.Write(bytes, "type", 0xB);
        layout.Write(bytes, "header length", 3);
        layout.Write(bytes, "total length", 0xFFFF);
        layout.Write(bytes, "flags", Page.Numbers("packet-flags")["completion requested"]);
        layout.Write(bytes, "transaction id", ulong.MaxValue);

        Assert.True(PacketDescriptor.TryRead(bytes, out PacketDescriptor descriptor));
        Assert.Equal(
            new PacketDescriptor(PacketType.Completion, 24, PacketDescriptor.MaximumBytes, PacketDescriptor.CompletionRequested, ulong.MaxValue),
            descriptor);
        Assert.True(descriptor.WantsCompletion);
    }

    [Fact]
    public void Packet_types_are_those_of_the_page() => Assert.Empty(Page.Numbers("packet-types").DifferencesFrom<PacketType>());

    [Fact]
    public void Descriptor_of_every_shorter_length_is_refused()
    {
        var bytes = new byte[PacketDescriptor.Size];
        new PacketDescriptor(PacketType.DataInband, 16, 16, 0, 0).Write(bytes);
        Assert.True(PacketDescriptor.TryRead(bytes, out _));
        for (int length = 0; length < PacketDescriptor.Size; length++) Assert.False(PacketDescriptor.TryRead(bytes.AsSpan(0, length), out _));
    }

    [Theory]
    [InlineData(0, 2, false)]
    [InlineData(1, 2, false)]
    [InlineData(2, 2, true)]
    [InlineData(3, 2, false)]
    [InlineData(2, 1, false)]
    [InlineData(2, 0, false)]
    [InlineData(65535, 65535, true)]
    [InlineData(65535, 65534, false)]
    public void Descriptor_lengths_must_nest(int header, int total, bool accepted)
    {
        SpecLayout layout = Page.Layout("descriptor");
        var bytes = new byte[PacketDescriptor.Size];
        layout.Write(bytes, "header length", (ulong)header);
        layout.Write(bytes, "total length", (ulong)total);
        Assert.Equal(accepted, PacketDescriptor.TryRead(bytes, out _));
    }

    [Theory]
    [InlineData("ring-execute-srb-read10", PacketType.DataUsingGpaDirect, 40, 104, 1, 6)]
    [InlineData("ring-execute-srb-completion", PacketType.Completion, 16, 80, 0, 6)]
    [InlineData("ring-storage-hotplug", PacketType.DataInband, 16, 80, 0, 0)]
    [InlineData("ring-network-transfer-pages", PacketType.DataUsingTransferPages, 40, 80, 1, 20)]
    [InlineData("ring-network-completion", PacketType.Completion, 16, 24, 0, 20)]
    public void Vector_descriptor_reads_and_writes_back(string vector, PacketType type, int header, int total, int flags, ulong id)
    {
        byte[] bytes = SpecVector.Load(vector);
        Assert.True(PacketDescriptor.TryRead(bytes, out PacketDescriptor descriptor));
        Assert.Equal(new PacketDescriptor(type, header, total, (ushort)flags, id), descriptor);
        Assert.Equal(bytes.Length, descriptor.TotalBytes);
        var written = new byte[PacketDescriptor.Size];
        descriptor.Write(written);
        Assert.Equal(bytes[..PacketDescriptor.Size], written);
    }
}
