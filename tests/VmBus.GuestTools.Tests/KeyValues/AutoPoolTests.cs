using VmBus.GuestTools.KeyValues;

namespace VmBus.GuestTools.Tests.KeyValues;

public sealed class AutoPoolTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public AutoPoolTests()
    {
        Directory.CreateDirectory(_root["proc/sys/kernel"]);
        Directory.CreateDirectory(_root["etc"]);
        File.WriteAllText(_root["proc/sys/kernel/osrelease"], "6.1.0-50-cloud-amd64\n");
        File.WriteAllText(_root["proc/sys/kernel/hostname"], "guest\n");
        File.WriteAllText(_root["etc/os-release"], "# who\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nID=debian\n");
    }

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Items_have_the_order_that_hosts_ask_in()
    {
        IReadOnlyList<KvpItem> items = new AutoPool(_root.Path).Create();
        Assert.Equal(
            [
                "FullyQualifiedDomainName", "IntegrationServicesVersion", "NetworkAddressIPv4", "NetworkAddressIPv6", "OSBuildNumber", "OSName",
                "OSMajorVersion", "OSMinorVersion", "OSVersion", "ProcessorArchitecture",
            ],
            items.Select(static item => item.Key));
        Assert.Equal("6.1.0-50-cloud-amd64", items[4].Value);
        Assert.Equal(("Debian GNU/Linux", "12", "6.1.0"), (items[5].Value, items[6].Value, items[8].Value));
    }

    [Theory]
    [InlineData("127.0.1.1 guest.example.org guest\n", "", "guest.example.org")]
    [InlineData("127.0.1.1 guest\n", "domain example.net\n", "guest.example.net")]
    [InlineData("", "nameserver 10.0.0.1\n", "guest")]
    [InlineData("# 127.0.1.1 guest.old guest\n", "", "guest")]
    public void Full_name_is_that_of_the_files(string hosts, string resolver, string name)
    {
        File.WriteAllText(_root["etc/hosts"], hosts);
        File.WriteAllText(_root["etc/resolv.conf"], resolver);
        Assert.Equal(name, new AutoPool(_root.Path).Create()[0].Value);
    }

    [Fact]
    public void System_that_says_nothing_of_itself_is_Linux()
    {
        File.Delete(_root["etc/os-release"]);
        Assert.Equal("Linux", new AutoPool(_root.Path).Create()[5].Value);
    }
}
