using VmBus.Protocol.Integration;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Integration;

/// <summary>Holds the code against the tables of protocol-spec/integration.md.</summary>
public sealed class IntegrationPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("integration.md"), Data = SpecPage.Load("integration-data.md");

    [Fact]
    public void Message_types_are_those_of_the_page() => Assert.Empty(Page.Numbers("message-types").DifferencesFrom<IntegrationMessageType>());

    [Fact]
    public void Flags_are_those_of_the_page() => Assert.Empty(Page.Numbers("flags").DifferencesFrom<IntegrationFlags>());

    [Fact]
    public void Status_values_are_those_of_the_page() => Assert.Empty(Page.Numbers("status-values").DifferencesFrom<IntegrationStatus>());

    [Fact]
    public void Shutdown_flags_are_those_of_the_page() => Assert.Empty(Page.Numbers("shutdown-flags").DifferencesFrom<ShutdownFlags>());

    [Fact]
    public void Application_states_are_those_of_the_page() => Assert.Empty(Page.Numbers("application-states").DifferencesFrom<ApplicationState>());

    [Fact]
    public void Time_kinds_are_those_of_the_page() => Assert.Empty(Page.Numbers("time-kinds").DifferencesFrom<TimeSyncKind>());

    [Fact]
    public void Key_value_operations_are_those_of_the_page() => Assert.Empty(Data.Numbers("key-value-operations").DifferencesFrom<KvpOperation>());

    [Fact]
    public void Pools_are_those_of_the_page() => Assert.Empty(Data.Numbers("pools").DifferencesFrom<KvpPool>());

    [Fact]
    public void Value_types_are_those_of_the_page() => Assert.Empty(Data.Numbers("value-types").DifferencesFrom<KvpValueType>());

    [Fact]
    public void Address_families_are_those_of_the_page() => Assert.Empty(Data.Numbers("address-families").DifferencesFrom<KvpAddressFamilies>());

    [Fact]
    public void Backup_operations_are_those_of_the_page() => Assert.Empty(Data.Numbers("backup-operations").DifferencesFrom<BackupOperation>());

    [Fact]
    public void File_copy_operations_are_those_of_the_page() => Assert.Empty(Data.Numbers("file-copy-operations").DifferencesFrom<FileCopyOperation>());

    [Fact]
    public void File_copy_flags_are_those_of_the_page() => Assert.Empty(Data.Numbers("file-copy-flags").DifferencesFrom<FileCopyFlags>());

    [Fact]
    public void Services_are_those_of_the_page()
    {
        SpecTable table = Page.Table("services");
        SpecTable versions = Page.Table("versions");
        Assert.Equal(IntegrationServices.All.Count, table.RowCount);
        for (int row = 0; row < table.RowCount; row++)
        {
            IntegrationService service = Named(table.Cell(row, "name"));
            Assert.Equal(table.Cell(row, "interface type"), service.InterfaceType.ToString());
            Assert.Equal(table.Cell(row, "instance"), service.Instance.ToString());
            Assert.Equal(table.Number(row, "type"), (ulong)service.Type);
            IntegrationService versioned = Named(versions.Cell(row, "service"));
            Assert.Equal(versions.Cell(row, "frameworks"), string.Join(' ', versioned.Frameworks));
            Assert.Equal(versions.Cell(row, "messages"), string.Join(' ', versioned.Versions));
        }

        static IntegrationService Named(string name) => Assert.Single(IntegrationServices.All, service => service.Name == name);
    }

    [Fact]
    public void Header_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("message");
        var bytes = new byte[IntegrationHeader.Size + 0x0B];
        var header = new IntegrationHeader(
            new(0x0102, 0x0304), (IntegrationMessageType)0x0506, new(0x0708, 0x090A), 0x0B, (IntegrationStatus)0x0C0D0E0F, 0x10, (IntegrationFlags)0x11);
        header.Write(bytes);

        Assert.Equal(IntegrationHeader.Size, layout.Bytes);
        Assert.Equal(1UL, layout.Read(bytes, "pipe type"));
        Assert.Equal(20UL + 0x0B, layout.Read(bytes, "pipe length"));
        Assert.Equal(0x0102UL, layout.Read(bytes, "framework major"));
        Assert.Equal(0x0304UL, layout.Read(bytes, "framework minor"));
        Assert.Equal(0x0506UL, layout.Read(bytes, "type"));
        Assert.Equal(0x0708UL, layout.Read(bytes, "version major"));
        Assert.Equal(0x090AUL, layout.Read(bytes, "version minor"));
        Assert.Equal(0x0BUL, layout.Read(bytes, "body bytes"));
        Assert.Equal(0x0C0D0E0FUL, layout.Read(bytes, "status"));
        Assert.Equal(0x10UL, layout.Read(bytes, "transaction"));
        Assert.Equal(0x11UL, layout.Read(bytes, "flags"));
        Assert.True(IntegrationHeader.TryRead(bytes, out IntegrationHeader read));
        Assert.Equal(header, read);
    }

    [Fact]
    public void Shutdown_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("shutdown");
        var bytes = new byte[ShutdownMessage.Size];
        new ShutdownMessage(0x01020304, 0x05060708, (ShutdownFlags)0x090A0B0C).Write(bytes);

        Assert.Equal(ShutdownMessage.Size, layout.Bytes);
        Assert.Equal(0x01020304UL, layout.Read(bytes, "reason"));
        Assert.Equal(0x05060708UL, layout.Read(bytes, "timeout"));
        Assert.Equal(0x090A0B0CUL, layout.Read(bytes, "flags"));
    }

    [Fact]
    public void Heartbeat_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("heartbeat");
        var bytes = new byte[HeartbeatMessage.Size];
        var message = new HeartbeatMessage(0x0102030405060708, (ApplicationState)0x090A0B0C);
        message.Write(bytes);

        Assert.Equal(HeartbeatMessage.Size, layout.Bytes);
        Assert.Equal(0x0102030405060708UL, layout.Read(bytes, "sequence"));
        Assert.Equal(0x090A0B0CUL, layout.Read(bytes, "applications"));
        Assert.True(HeartbeatMessage.TryRead(bytes, out HeartbeatMessage read));
        Assert.Equal(message, read);
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(3, 1)]
    [InlineData(1, 1)]
    public void Time_lies_as_the_page_says(ushort major, int table)
    {
        SpecLayout layout = Page.Layout("time-synchronization", table);
        var version = new IntegrationVersion(major, 0);
        var bytes = new byte[TimeSyncMessage.SizeIn(version)];
        new TimeSyncMessage(0x0102030405060708, 0x1112131415161718, (TimeSyncKind)0x21).Write(bytes, version);

        Assert.Equal(bytes.Length, layout.Bytes);
        Assert.Equal(0x0102030405060708UL, layout.Read(bytes, "parent time"));
        Assert.Equal(0x21UL, layout.Read(bytes, "kind"));
        if (table == 0) Assert.Equal(0x1112131415161718UL, layout.Read(bytes, "reference time"));
        else Assert.Equal(0UL, layout.Read(bytes, "child time"));
    }

    [Fact]
    public void Value_lies_as_the_page_says()
    {
        SpecLayout layout = Data.Layout("value");
        var bytes = new byte[KvpValue.Size];
        var value = new KvpValue("Key", "Wert");
        value.Write(bytes);

        Assert.Equal(KvpValue.Size, layout.Bytes);
        Assert.Equal((ulong)KvpValueType.Text, layout.Read(bytes, "type"));
        Assert.Equal(8UL, layout.Read(bytes, "key bytes"));
        Assert.Equal(10UL, layout.Read(bytes, "value bytes"));
        Assert.Equal("Key", WideText.Read(layout.Slice(bytes, "key")));
        Assert.Equal("Wert", WideText.Read(layout.Slice(bytes, "value")));
        Assert.True(KvpValue.TryRead(bytes, out KvpValue read));
        Assert.Equal(value, read);
    }

    [Fact]
    public void Key_value_messages_lie_as_the_page_says()
    {
        var value = new KvpValue("Key", "Wert");
        var wire = new byte[KvpValue.Size];
        value.Write(wire);

        SpecLayout layout = Data.Layout("key-value-messages", 0);
        var bytes = new byte[KvpMessages.ItemSize];
        KvpMessages.WriteItem(bytes, KvpOperation.Set, KvpPool.AutoExternal, value);
        Assert.Equal(KvpMessages.ItemSize, layout.Bytes);
        Assert.Equal((ulong)KvpOperation.Set, layout.Read(bytes, "operation"));
        Assert.Equal((ulong)KvpPool.AutoExternal, layout.Read(bytes, "pool"));
        Assert.Equal(wire, layout.Slice(bytes, "value"));
        Assert.True(KvpMessages.TryReadItem(bytes, KvpOperation.Get, out KvpValue read));
        Assert.Equal(value, read);

        layout = Data.Layout("key-value-messages", 1);
        bytes = new byte[KvpMessages.ItemSize];
        KvpMessages.WriteDelete(bytes, KvpPool.Guest, "Key");
        Assert.Equal(KvpMessages.ItemSize, layout.Bytes);
        Assert.Equal((ulong)KvpOperation.Delete, layout.Read(bytes, "operation"));
        Assert.Equal((ulong)KvpPool.Guest, layout.Read(bytes, "pool"));
        Assert.Equal(8UL, layout.Read(bytes, "key bytes"));
        Assert.Equal("Key", WideText.Read(layout.Slice(bytes, "key")));

        layout = Data.Layout("key-value-messages", 2);
        bytes = new byte[KvpMessages.ItemSize];
        KvpMessages.WriteEnumerate(bytes, KvpPool.Auto, 0x01020304);
        Assert.Equal(KvpMessages.ItemSize, layout.Bytes);
        Assert.Equal((ulong)KvpOperation.Enumerate, layout.Read(bytes, "operation"));
        Assert.Equal(0x01020304UL, layout.Read(bytes, "index"));
        wire.CopyTo(bytes.AsSpan(layout.Offset("value")));
        Assert.True(KvpMessages.TryReadItem(bytes, KvpOperation.Enumerate, out read));
        Assert.Equal(value, read);
    }

    [Fact]
    public void Addresses_as_text_lie_as_the_page_says()
    {
        SpecLayout layout = Data.Layout("addresses-as-text");
        var bytes = new byte[KvpAddresses.TextSize];
        var addresses = new KvpAddresses("A", (KvpAddressFamilies)3, true, ["10.0.0.2", "::2"], ["255.0.0.0", "64"], ["10.0.0.1"], ["10.0.0.3", "::3"]);
        addresses.WriteText(bytes);

        Assert.Equal(KvpAddresses.TextSize, layout.Bytes);
        Assert.Equal("A", WideText.Read(layout.Slice(bytes, "adapter")));
        Assert.Equal(3UL, layout.Read(bytes, "families"));
        Assert.Equal(1UL, layout.Read(bytes, "dhcp"));
        Assert.Equal("10.0.0.2;::2", WideText.Read(layout.Slice(bytes, "addresses")));
        Assert.Equal("255.0.0.0;64", WideText.Read(layout.Slice(bytes, "subnets")));
        Assert.Equal("10.0.0.1", WideText.Read(layout.Slice(bytes, "gateways")));
        Assert.Equal("10.0.0.3;::3", WideText.Read(layout.Slice(bytes, "name servers")));
        Assert.True(KvpAddresses.TryReadText(bytes, out KvpAddresses read));
        AssertSame(addresses, read);
    }

    [Fact]
    public void Addresses_as_numbers_lie_as_the_page_says()
    {
        SpecLayout layout = Data.Layout("addresses-as-numbers");
        var bytes = new byte[KvpAddresses.BinarySize];
        var addresses = new KvpAddresses(
            "A", (KvpAddressFamilies)3, true, ["10.0.0.2", "10.0.0.4", "::2"], ["255.0.0.0", "255.0.0.0", "/64"], ["10.0.0.1", "::1"], ["10.0.0.3", "::3"]);
        addresses.WriteBinary(bytes);

        Assert.Equal(KvpAddresses.BinarySize, layout.Bytes);
        Assert.Equal(2UL, layout.Read(bytes, "IPv4 addresses"));
        foreach (string count in new[] { "IPv6 addresses", "IPv4 gateways", "IPv6 gateways", "IPv4 name servers", "IPv6 name servers" })
            Assert.Equal(1UL, layout.Read(bytes, count));
        Assert.Equal("A", WideText.Read(layout.Slice(bytes, "adapter")));
        Assert.Equal([10, 0, 0, 2, 10, 0, 0, 4], layout.Slice(bytes, "IPv4 address list")[..8].ToArray());
        Assert.Equal(2, layout.Slice(bytes, "IPv6 address list")[15]);
        Assert.Equal([255, 0, 0, 0], layout.Slice(bytes, "IPv4 mask list")[..4].ToArray());
        Assert.Equal(64, layout.Slice(bytes, "IPv6 prefix list")[0]);
        Assert.Equal([10, 0, 0, 1], layout.Slice(bytes, "IPv4 gateway list")[..4].ToArray());
        Assert.Equal(1, layout.Slice(bytes, "IPv6 gateway list")[15]);
        Assert.Equal([10, 0, 0, 3], layout.Slice(bytes, "IPv4 name server list")[..4].ToArray());
        Assert.Equal(3, layout.Slice(bytes, "IPv6 name server list")[15]);
        Assert.True(KvpAddresses.TryReadBinary(bytes, out KvpAddresses read));
        AssertSame(addresses, read);
    }

    [Fact]
    public void Backup_lies_as_the_page_says()
    {
        SpecLayout layout = Data.Layout("backup");
        var bytes = new byte[BackupMessage.Size];
        new BackupMessage((BackupOperation)0x11).Write(bytes);
        Assert.Equal(BackupMessage.Size, layout.Bytes);
        Assert.Equal(0x11UL, layout.Read(bytes, "operation"));
    }

    [Fact]
    public void File_copies_lie_as_the_page_says()
    {
        SpecLayout layout = Data.Layout("file-copy", 0);
        var bytes = new byte[FileCopyMessages.StartSize];
        FileCopyMessages.WriteStart(bytes, "/tmp/", "name", (FileCopyFlags)3, 0x0102030405060708);
        Assert.Equal(FileCopyMessages.StartSize, layout.Bytes);
        Assert.Equal((ulong)FileCopyOperation.Start, layout.Read(bytes, "operation"));
        Assert.Equal("name", WideText.Read(layout.Slice(bytes, "name")));
        Assert.Equal("/tmp/", WideText.Read(layout.Slice(bytes, "folder")));
        Assert.Equal(3UL, layout.Read(bytes, "flags"));
        Assert.Equal(0x0102030405060708UL, layout.Read(bytes, "file bytes"));

        layout = Data.Layout("file-copy", 1);
        bytes = new byte[FileCopyMessages.WriteSize];
        FileCopyMessages.WriteData(bytes, 0x0102030405060708, [7, 8, 9]);
        Assert.Equal(FileCopyMessages.WriteSize, layout.Bytes);
        Assert.Equal(FileCopyMessages.MaximumDataBytes, layout.Size("data"));
        Assert.Equal((ulong)FileCopyOperation.Write, layout.Read(bytes, "operation"));
        Assert.Equal(0x0102030405060708UL, layout.Read(bytes, "position"));
        Assert.Equal(3UL, layout.Read(bytes, "count"));
        Assert.Equal([7, 8, 9, 0], layout.Slice(bytes, "data")[..4].ToArray());

        layout = Data.Layout("file-copy", 2);
        bytes = new byte[FileCopyMessages.EndSize];
        FileCopyMessages.WriteEnd(bytes, FileCopyOperation.Cancel);
        Assert.Equal(FileCopyMessages.EndSize, layout.Bytes);
        Assert.Equal((ulong)FileCopyOperation.Cancel, layout.Read(bytes, "operation"));
    }

    private static void AssertSame(KvpAddresses expected, KvpAddresses read)
    {
        Assert.Equal((expected.Adapter, expected.Families, expected.Dhcp), (read.Adapter, read.Families, read.Dhcp));
        Assert.Equal(expected.Addresses, read.Addresses);
        Assert.Equal(expected.Subnets, read.Subnets);
        Assert.Equal(expected.Gateways, read.Gateways);
        Assert.Equal(expected.NameServers, read.NameServers);
    }
}
