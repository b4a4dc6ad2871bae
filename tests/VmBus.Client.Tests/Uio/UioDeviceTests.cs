using VmBus.Client.Uio;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Client.Tests.Uio;

/// <summary>What is said of devices that cannot be served, over a tree that looks like sysfs. Serving one needs a guest: <c>GuestToolsTests</c>.</summary>
public sealed class UioDeviceTests : IDisposable
{
    private static readonly Guid Wanted = new("34d14be3-dee4-41c8-9ae7-6b174977c192");

    private readonly string _root = Directory.CreateTempSubdirectory("vmbus-uio").FullName;

    private readonly EventFd _wake = EventFd.Create();

    public void Dispose()
    {
        _wake.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void Devices_are_found_by_their_interface_type()
    {
        Add("b", Wanted);
        Add("a", Wanted);
        Add("c", Guid.NewGuid());
        Directory.CreateDirectory(Path.Combine(_root, "sys/bus/vmbus/devices/d"));
        Assert.Equal(["a", "b"], UioDevice.Find(Wanted, _root).Select(static device => device.Instance));
        Assert.Empty(UioDevice.Find(Wanted, "/nowhere"));
    }

    [Fact]
    public void Device_is_taken_from_its_driver_and_given_to_user_space()
    {
        string folder = Add("a", Wanted);
        string old = AddDriver("hv_utils");
        AddDriver("uio_hv_generic");
        Directory.CreateSymbolicLink(Path.Combine(folder, "driver"), old);
        UioDevice device = Assert.Single(UioDevice.Find(Wanted, _root));
        Assert.Equal("hv_utils", device.BoundDriver);
        device.Bind();
        Assert.Equal("uio_hv_generic", File.ReadAllText(Path.Combine(folder, "driver_override")));
        Assert.Equal("a", File.ReadAllText(Path.Combine(old, "unbind")));
        Assert.Equal("a", File.ReadAllText(Path.Combine(_root, "sys/bus/vmbus/drivers/uio_hv_generic/bind")));
    }

    [Theory]
    [InlineData("7\n", 7)]
    [InlineData("127\n", 127)]
    [InlineData("255\n", null)]
    [InlineData("\n", null)]
    [InlineData(null, null)]
    public void Bit_of_the_monitor_page_is_what_the_kernel_says_if_it_is_one(string? said, int? id)
    {
        string folder = Add("a", Wanted);
        if (said is not null) File.WriteAllText(Path.Combine(folder, "monitor_id"), said);
        Assert.Equal((byte?)id, Assert.Single(UioDevice.Find(Wanted, _root)).MonitorId);
    }

    [Fact]
    public void Refusals_are_one_line_with_the_device_and_what_to_do()
    {
        string folder = Add("a", Wanted);
        UioDevice device = Assert.Single(UioDevice.Find(Wanted, _root));
        Assert.Equal("Device a is not served by uio_hv_generic: bind it first.", Assert.Throws<UioException>(() => device.Open(_wake)).Message);
        AddDriver("uio_hv_generic");
        File.Delete(Path.Combine(folder, "driver_override"));
        string refusal = Assert.Throws<UioException>(device.Bind).Message;
        Assert.StartsWith("The kernel refuses reserving device a for uio_hv_generic (", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal);
        Directory.CreateDirectory(Path.Combine(folder, "uio/uio0"));
        Assert.EndsWith("/maps/map0/size' cannot be read: is the device still there?", Assert.Throws<UioException>(() => device.Open(_wake)).Message, StringComparison.Ordinal);
        string map = Directory.CreateDirectory(Path.Combine(_root, "sys/class/uio/uio0/maps/map0")).FullName;
        File.WriteAllText(Path.Combine(map, "size"), "many\n");
        Assert.Equal("The kernel says that the rings of uio0 have 'many' bytes.", Assert.Throws<UioException>(() => device.Open(_wake)).Message);
        File.WriteAllText(Path.Combine(map, "size"), "0x000000000000a000\n");
        Assert.Equal("Device a has no channel any more.", Assert.Throws<UioException>(() => device.Open(_wake)).Message);
        Directory.CreateDirectory(Path.Combine(folder, "channels/7"));
        Assert.Contains("cannot be opened (", Assert.Throws<UioException>(() => device.Open(_wake)).Message, StringComparison.Ordinal);
    }

    private string Add(string instance, Guid type)
    {
        string folder = Path.Combine(_root, "sys/bus/vmbus/devices", instance);
        Directory.CreateDirectory(Path.Combine(folder, "channels"));
        File.WriteAllText(Path.Combine(folder, "class_id"), $"{{{type}}}\n");
        File.WriteAllText(Path.Combine(folder, "driver_override"), "");
        return folder;
    }

    private string AddDriver(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, "sys/bus/vmbus/drivers", name)).FullName;
        foreach (string file in new[] { "bind", "unbind" }) File.WriteAllText(Path.Combine(folder, file), "");
        return folder;
    }
}
