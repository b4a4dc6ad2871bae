using System.Text.Json;
using VmBus.Client.Sysfs;
using VmBus.GuestTools.Devices;

namespace VmBus.GuestTools.Tests.Devices;

public sealed class VmbusTreeTests : IDisposable
{
    private readonly TemporaryFolder _root = new();
    private readonly VmbusTree _tree;

    public VmbusTreeTests()
    {
        _tree = new VmbusTree(_root.Path);
        Add(14, "f8615163-df3e-46c5-913f-f2d2f965ed0e", "1f7a5c05-0deb-876b-aed3-738886d90775", "hv_netvsc", (14, 1), (20, 0));
        Add(3, "57164f39-9115-4e78-ab55-382f3bd5422d", "fd149e91-82e0-4a7d-afa6-2a4166cbd7c0", "hv_utils", (3, 0));
        Add(5, "00001388-facb-11e6-bd58-64006a7986d3", "00000000-0000-0000-0000-000000000005", null, (5, 0));
        Directory.CreateDirectory(_root["sys/bus/vmbus/devices/1f7a5c05-0deb-876b-aed3-738886d90775/net/eth0"]);
    }

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Devices_are_listed_by_number_with_names_drivers_and_channels()
    {
        string[] lines = DeviceText.List(_tree.Read(), verbose: true).Split('\n');
        Assert.Equal("ID  CLASS            DRIVER     STATE  CHANNELS  INSTANCE", lines[0]);
        Assert.Equal("3   Heartbeat        hv_utils   open   1         fd149e91-82e0-4a7d-afa6-2a4166cbd7c0", lines[1]);
        Assert.Contains("    channel 3, target CPU 0", lines);
        Assert.Contains("    network interface eth0", lines);
        Assert.Contains("    channel 20, target CPU 0", lines);
        Assert.Contains(lines, static line => line.StartsWith("5   Unknown          -          open", StringComparison.Ordinal));
    }

    [Fact]
    public void Channels_are_listed_with_their_counts_and_a_dash_where_the_kernel_tells_none()
    {
        File.Delete(_root["sys/bus/vmbus/devices/fd149e91-82e0-4a7d-afa6-2a4166cbd7c0/channels/3/read_avail"]);
        string[] lines = DeviceText.ListChannels(_tree.Find("Heart")).Split('\n');
        Assert.Equal("CHANNEL  CPU  INTERRUPTS  EVENTS  PENDING  READABLE  WRITABLE  MASKED  FULL  DEVICE", lines[0]);
        Assert.Equal("3        0    103         203     0        -         4096      no      -     Heartbeat", lines[1]);
    }

    [Theory]
    [InlineData("20", 14)]
    [InlineData("3", 3)]
    [InlineData("{FD149e91", 3)]
    [InlineData("network", 14)]
    [InlineData("eth0", 14)]
    [InlineData("99", 0)]
    [InlineData("eth1", 0)]
    public void Device_is_found_by_channel_instance_class_or_interface(string word, int id)
        => Assert.Equal(id == 0 ? [] : [(uint)id], _tree.Find(word).Select(static device => device.Id));

    [Fact]
    public void Json_has_every_device_and_channel()
    {
        using var json = JsonDocument.Parse(DeviceText.Json(_tree.Read()));
        JsonElement network = json.RootElement[2];
        Assert.Equal("Network Adapter", network.GetProperty("class").GetString());
        Assert.Equal([14L, 20L], network.GetProperty("channels").EnumerateArray().Select(static channel => channel.GetProperty("id").GetInt64()));
        Assert.Equal(114, network.GetProperty("channels")[0].GetProperty("interrupts").GetInt64());
        Assert.Equal(JsonValueKind.Null, json.RootElement[1].GetProperty("driver").ValueKind);
    }

    [Fact]
    public void Guest_without_a_bus_has_no_devices()
    {
        using var empty = new TemporaryFolder();
        var tree = new VmbusTree(empty.Path);
        Assert.False(tree.IsPresent);
        Assert.Empty(tree.Read());
    }

    private void Add(uint id, string kind, string instance, string? driver, params (uint Id, int Cpu)[] channels)
    {
        string folder = _root[$"sys/bus/vmbus/devices/{instance}"];
        Directory.CreateDirectory(folder);
        Write(folder, ("class_id", $"{{{kind}}}"), ("device_id", $"{{{instance}}}"), ("id", $"{id}"), ("state", "3"));
        if (driver is not null) File.CreateSymbolicLink(Path.Combine(folder, "driver"), $"../../../../bus/vmbus/drivers/{driver}");
        foreach ((uint channel, int cpu) in channels)
        {
            string of = Path.Combine(folder, "channels", $"{channel}");
            Directory.CreateDirectory(of);
            Write(
                of, ("cpu", $"{cpu}"), ("interrupts", $"{100 + channel}"), ("events", $"{200 + channel}"), ("pending", "0"), ("read_avail", "8"), ("write_avail", "4096"),
                ("in_mask", "0"), ("out_mask", "0"));
        }
    }

    private static void Write(string folder, params (string Name, string Text)[] files)
    {
        foreach ((string name, string text) in files) File.WriteAllText(Path.Combine(folder, name), text + "\n");
    }
}
