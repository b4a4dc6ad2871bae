using VmBus.GuestTools.Addresses;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.Addresses;

public sealed class AddressPlanTests
{
    [Theory]
    [InlineData("10.0.0.2;fd00::2", "255.255.254.0;64", "10.0.0.1;fe80::1", "10.0.0.5", "10.0.0.2/23 fd00::2/64 gateway 10.0.0.1 gateway fe80::1 dns 10.0.0.5")]
    [InlineData("10.0.0.2", "24", "", "", "10.0.0.2/24")]
    [InlineData("10.0.0.2", "255.255.255.255", "", "", "10.0.0.2/32")]
    [InlineData("10.0.0.2", "0.0.0.0", "", "", "10.0.0.2/0")]
    public void Lists_are_read(string addresses, string subnets, string gateways, string servers, string expected)
    {
        Assert.True(AddressPlan.TryRead(Lists(addresses, subnets, gateways, servers), out AddressPlan plan, out string why), why);
        Assert.Equal(expected, plan.ToString());
    }

    [Theory]
    [InlineData("", "", "", "", "there is none")]
    [InlineData("10.0.0.2", "", "", "", "'' is no subnet")]
    [InlineData("10.0.0.2", "255.0.255.0", "", "", "'255.0.255.0' is no subnet")]
    [InlineData("10.0.0.2", "33", "", "", "'33' is no subnet")]
    [InlineData("fd00::2", "255.255.255.0", "", "", "is no subnet")]
    [InlineData("fd00::2", "129", "", "", "is no subnet")]
    [InlineData("1", "24", "", "", "'1' is no address")]
    [InlineData("010.0.0.2", "24", "", "", "is no address")]
    [InlineData("fe80::1%eth0", "64", "", "", "is no address")]
    [InlineData("$(reboot)", "24", "", "", "'$(reboot)' is no address")]
    [InlineData("10.0.0.2", "24", "-h", "", "'-h' is no address of a gateway")]
    [InlineData("10.0.0.2", "24", "", "a\e[31m", @"'a\u{1b}[31m' is no address of a name server")]
    public void What_is_no_address_is_refused_with_the_value(string addresses, string subnets, string gateways, string servers, string reason)
    {
        Assert.False(AddressPlan.TryRead(Lists(addresses, subnets, gateways, servers), out _, out string why));
        Assert.Contains(reason, why, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_but_dhcp_is_a_plan()
    {
        Assert.True(AddressPlan.TryRead(KvpAddresses.Of("x") with { Dhcp = true }, out AddressPlan plan, out _));
        Assert.Equal("dhcp", plan.ToString());
    }

    [Fact]
    public void Interface_loses_its_addresses_and_gets_the_new_ones_and_routes()
    {
        AddressPlan.TryRead(Lists("10.0.0.2;fd00::2", "24;64", "10.0.0.1;fe80::1", ""), out AddressPlan plan, out _);
        Assert.Equal(
            [
                "link set dev eth0 up", "address flush dev eth0 scope global", "address replace 10.0.0.2/24 dev eth0", "address replace fd00::2/64 dev eth0",
                "-4 route replace default via 10.0.0.1 dev eth0", "-6 route replace default via fe80::1 dev eth0",
            ],
            AddressApplier.Commands("eth0", plan).Select(static command => string.Join(' ', command)));
    }

    [Fact]
    public void Gateways_are_those_of_the_interface_in_the_kernels_tables()
    {
        string[] routes =
        [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t0100090A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth1\t00000000\t0200090A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t0000090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        ];
        string[] routesV6 =
        [
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0",
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo",
        ];
        Assert.Equal(["10.9.0.1", "fe80::1"], LinkAddresses.Gateways("eth0", routes, routesV6));
    }

    private static KvpAddresses Lists(string addresses, string subnets, string gateways, string servers) => KvpAddresses.Of("x") with
    {
        Dhcp = false,
        Addresses = addresses.Split(';', StringSplitOptions.RemoveEmptyEntries),
        Subnets = subnets.Split(';'),
        Gateways = gateways.Split(';', StringSplitOptions.RemoveEmptyEntries),
        NameServers = servers.Split(';', StringSplitOptions.RemoveEmptyEntries),
    };
}
