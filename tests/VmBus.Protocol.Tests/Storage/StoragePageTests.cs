using VmBus.Protocol.Storage;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Storage;

/// <summary>Holds the code against the tables of protocol-spec/storage.md.</summary>
public sealed class StoragePageTests
{
    private static readonly SpecPage Page = SpecPage.Load("storage.md");

    [Fact]
    public void Operations_are_those_of_the_page() => Assert.Empty(Page.Numbers("operations").DifferencesFrom<VstorOperation>());

    [Fact]
    public void Versions_are_those_of_the_page() => Assert.Empty(Page.Numbers("versions").DifferencesFrom<VstorVersion>());

    [Fact]
    public void Directions_are_those_of_the_page() => Assert.Empty(Page.Numbers("directions").DifferencesFrom<SrbDirection>());

    [Fact]
    public void Request_outcomes_are_those_of_the_page() => Assert.Empty(Page.Numbers("request-outcomes").DifferencesFrom<SrbStatus>());

    [Fact]
    public void Status_values_are_those_of_the_page() => Assert.Empty(Page.Numbers("status-values").DifferencesFrom<StorageStatus>());

    [Fact]
    public void Interface_type_is_that_of_the_page() => Assert.Equal(Page.Table("offer").Cell(0, "interface type"), StorageInterface.Scsi.ToString());

    [Fact]
    public void Header_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("packet");
        var bytes = new byte[VstorHeader.Size];
        var header = new VstorHeader((VstorOperation)0x01020304, 0x05060708, (StorageStatus)0x090A0B0C);
        header.Write(bytes);

        Assert.Equal(VstorHeader.Size, layout.Bytes);
        Assert.Equal(0x01020304UL, layout.Read(bytes, "operation"));
        Assert.Equal(0x05060708UL, layout.Read(bytes, "flags"));
        Assert.Equal(0x090A0B0CUL, layout.Read(bytes, "status"));
        Assert.True(VstorHeader.TryRead(bytes, out VstorHeader read));
        Assert.Equal(header, read);
    }

    [Fact]
    public void Properties_lie_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("properties");
        var bytes = Enumerable.Repeat((byte)0xEE, StorageProperties.Size).ToArray();
        var properties = new StorageProperties(0x0102, 0x03040506, 0x0708090A);
        properties.Write(bytes);

        Assert.Equal(StorageProperties.Size, layout.Bytes);
        Assert.Equal(0x0102UL, layout.Read(bytes, "sub-channels"));
        Assert.Equal(0x03040506UL, layout.Read(bytes, "flags"));
        Assert.Equal(0x0708090AUL, layout.Read(bytes, "transfer bytes"));
        Assert.All(layout.Fields.Where(f => f.Name is "reserved"), f => Assert.All(bytes.Skip(f.Offset).Take(f.Bytes!.Value), b => Assert.Equal(0, b)));
        Assert.True(StorageProperties.TryRead(bytes, out StorageProperties read));
        Assert.Equal(properties, read);
    }

    [Fact]
    public void Request_block_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("request-block");
        var bytes = new byte[ScsiRequestBlock.Size];
        var block = new ScsiRequestBlock((SrbStatus)1, 2, 3, 4, 5, 6, 7, 8, (SrbDirection)9, 0x0A0B0C0D, 0x0E0F1011, 0x12131415);
        block.Write(bytes);

        Assert.Equal(ScsiRequestBlock.Size, layout.Bytes);
        Assert.Equal(ScsiRequestBlock.ShortSize, layout.Offset("CDB or sense") + layout.Size("CDB or sense"));
        Assert.Equal(ScsiRequestBlock.CdbOffset, layout.Offset("CDB or sense"));
        Assert.Equal(ScsiRequestBlock.MaximumSenseBytes, layout.Size("CDB or sense"));
        string[] names = ["SRB status", "SCSI status", "port", "path", "target", "LUN", "CDB bytes", "sense bytes", "direction"];
        for (int i = 0; i < names.Length; i++) Assert.Equal((ulong)i + 1, layout.Read(bytes, names[i]));
        Assert.Equal((ulong)ScsiRequestBlock.Size, layout.Read(bytes, "length"));
        Assert.Equal(0x0A0B0C0DUL, layout.Read(bytes, "transfer bytes"));
        Assert.Equal(0x0E0F1011UL, layout.Read(bytes, "SRB flags"));
        Assert.Equal(0x12131415UL, layout.Read(bytes, "timeout"));
        Assert.True(ScsiRequestBlock.TryRead(bytes, out ScsiRequestBlock read));
        Assert.Equal(block, read);
    }

    [Fact]
    public void Senders_and_channels_are_those_of_the_page()
    {
        SpecTable table = Page.Table("operations");
        for (int row = 0; row < table.RowCount; row++)
        {
            var operation = (VstorOperation)table.Number(row, "value");
            // No controller here has Fibre Channel addresses.
            bool served = table.Cell(row, "sender") is "guest" && operation != VstorOperation.FibreChannelData;
            Assert.Equal(served, VstorMessages.IsHostBound(operation, primary: true));
            Assert.Equal(served && table.Cell(row, "channel") is "any", VstorMessages.IsHostBound(operation, primary: false));
        }
    }
}
